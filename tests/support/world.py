"""A world per test: own network, mounts, processes, host name, users, devices and syslog. Needs root.

    with World(users=["jane"], mailname="lan.example") as world:
        world.path("/etc/aliases").write_text("jane: tom\n")
        done = world.run(["sendmail", "tom"], user="jane", input=b"hello\n")
        assert done.returncode == 0 and "status=sent" in "".join(world.syslog)

/etc, /usr, /var and /root are writable without consequence; /home, /run and /var/mail are empty; /tmp is the machine's.
Nothing in it outlives the `with`.
"""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

HOLDER = Path(__file__).with_name("world_holder.py")
CLONE_NEWNET = 0x40000000
MINIMAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FIRST_UID = 5001
FIRST_SYSTEM_UID = 301


class World:
    """users get homes and uids from 5001 on, a (name, uid) pair its own; system_users have neither home nor shell."""

    def __init__(self, users=("jane",), mailname="lan.example", hostname="box", system_users=(),
                 writable=("/etc", "/usr", "/var", "/root")):
        pairs = [user if isinstance(user, tuple) else (user, FIRST_UID + index) for index, user in enumerate(users)]
        self.uids = dict(pairs)
        self._wanted = {
            "mailname": mailname, "hostname": hostname, "writable": list(writable),
            "users": [[name, uid, f"/home/{name}"] for name, uid in pairs]
            + [[name, FIRST_SYSTEM_UID + index, None] for index, name in enumerate(system_users)]}
        self._unshare = None
        self.pid = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        # Ends with its parent twice over: its standard input ends, and unshare's own end kills it.
        store = tempfile.mkdtemp(prefix="world-", dir="/tmp")
        self._unshare = subprocess.Popen(
            ["unshare", "-mnpu", "--propagation", "private", "--mount-proc", "--fork", "--kill-child",
             "/usr/bin/python3", "-I", "-B", str(HOLDER), json.dumps({**self._wanted, "store": store})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        built = select.select([self._unshare.stdout], [], [], 30)[0] and self._unshare.stdout.readline() == b"ready\n"
        os.rmdir(store)  # only its name goes; what is mounted stays as long as the world
        if not built:
            self._unshare.kill()
            raise RuntimeError(f"cannot make a world: {self._unshare.communicate()[1].decode()}")
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children").read_text()
        self.pid = int(children.split()[0])
        return self

    def stop(self):
        if self._unshare:
            self._unshare.stdin.close()
            try:
                self._unshare.wait(10)
            except subprocess.TimeoutExpired:
                self._unshare.kill()
                self._unshare.wait()
            self._unshare.stdout.close()
            self._unshare.stderr.close()
            self._unshare = None

    def command(self, argv, user=None, env=None, cwd=None):
        """argv as it must be run from here to run in the world, with a small environment of its own."""
        home = f"/home/{user}" if user in self.uids else "/root" if user in (None, "root") else "/"
        chosen = {"PATH": MINIMAL_PATH, "HOME": home, "USER": user or "root", "LOGNAME": user or "root",
                  "LC_ALL": "C.UTF-8", **(env or {})}
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "-u", "--", *become,
                "env", "-i", "-C", str(cwd or home), *(f"{name}={value}" for name, value in chosen.items()),
                *map(str, argv)]

    def popen(self, argv, user=None, env=None, cwd=None, **more):
        """A process in the world; whoever starts it waits for it."""
        return subprocess.Popen(self.command(argv, user, env, cwd), start_new_session=True, **more)

    def run(self, argv, user=None, input=b"", env=None, cwd=None, timeout=30):
        """Runs a command to its end; returns a CompletedProcess with bytes."""
        with self.popen(argv, user, env, cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE) as process:
            try:
                stdout, stderr = process.communicate(input, timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)

    @property
    def syslog(self):
        """Every line sent to /dev/log so far, with its <priority> in front."""
        self._unshare.stdin.write(b"\n")
        self._unshare.stdin.flush()
        return json.loads(self._unshare.stdout.readline())

    def wait_for_syslog(self, text, timeout=10):
        """Waits for a line with this text in it and returns it."""
        deadline = time.monotonic() + timeout
        while True:
            found = [line for line in self.syslog if text in line]
            if found:
                return found[0]
            assert time.monotonic() < deadline, f"nothing logged with {text!r}: {self.syslog}"
            time.sleep(0.01)

    def processes(self):
        """The pids, as seen from here, of all that runs in it."""
        namespace = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = []
        for link in Path("/proc").glob("[0-9]*/ns/pid"):
            try:
                found += [int(link.parts[2])] if os.readlink(link) == namespace else []
            except OSError:  # it ended
                pass
        return [pid for pid in found if pid != self.pid]

    def end_processes(self, timeout=10):
        """Kills all that runs in it and returns when nothing does."""
        deadline = time.monotonic() + timeout
        while running := self.processes():
            assert time.monotonic() < deadline, f"these do not end: {running}"
            for pid in running:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)

    def path(self, path):
        """The same file seen from here. A link to an absolute path in it leads out of the world."""
        return Path(f"/proc/{self.pid}/root") / str(path).lstrip("/")

    def listener(self, host="127.0.0.1", port=0):
        """A socket that listens in the world's network, for Server(listener=…) in this process."""
        result = []

        def listen():
            # Only this thread goes there; the socket stays there for good.
            with open(f"/proc/{self.pid}/ns/net", "rb") as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) == 0:
                    result.append(socket.create_server((host, port)))

        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
        assert result, "cannot enter the world's network"
        return result[0]
