"""Other relays, extracted from their packages and never installed: Postfix, nullmailer, dma.

Each runs inside `with` and has relay(make_sink, count, sessions): a queue of that many messages, then all of it to the
Sink that make_sink(popen) gives; returns its Taken. They need root.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from support.postfix import GROUP, OWNED, OWNER, extracted, free_ports, run
from support.world import World

MAIN_CF = """compatibility_level = 3.6
queue_directory = {folder}/q
data_directory = {folder}/data
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {folder}/etc
mail_owner = {owner}
setgid_group = {group}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
import_environment = LD_LIBRARY_PATH={root}/usr/lib/postfix MAIL_CONFIG TZ
myhostname = box.example
mydestination =
alias_maps =
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
in_flow_delay = 0
smtp_tls_security_level = none
relayhost = [127.0.0.1]:{smarthost}
default_destination_concurrency_limit = {sessions}
initial_destination_concurrency = {sessions}
"""

# What takes messages, and what sends them: never both, so that the queue is full when sending begins.
BOTH = """proxymap unix - - n - - proxymap
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
TAKING = "127.0.0.1:{port} inet n - n - - smtpd\n"
SENDING = """qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
flush unix n - n 1000? 0 flush
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
"""


class Postfix:
    """A null client: everything to one smarthost, with its connection cache."""

    def __init__(self, message, place="/tmp"):
        self.root = extracted("postfix")
        self.folder = Path(tempfile.mkdtemp(prefix="pf-", dir=place))
        self.message = message
        self.filled = 0

    def __enter__(self):
        for name in ("etc", "data", "q/pid", *(f"q/{name}" for name in OWNED)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        for name in ("data", *(f"q/{name}" for name in OWNED)):
            (self.folder / name).chmod(0o700)
            shutil.chown(self.folder / name, OWNER, GROUP if name in ("q/public", "q/maildrop") else OWNER)
        (self.folder / "q/public").chmod(0o710)
        (self.folder / "q/maildrop").chmod(0o730)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def fill(self, count):
        """The queue as the messages left it, kept as a copy: what takes them is not what is measured."""
        port = free_ports(1)[0]
        self._start(TAKING.format(port=port), 1, 1)
        try:
            length = str(len(self.message))
            run(str(self.root / "usr/sbin/smtp-source"), "-s", "4", "-m", str(count), "-l", length, "-f",
                "root@box.example", "-t", "bob@example.org", f"127.0.0.1:{port}",
                env={"LD_LIBRARY_PATH": str(self.root / "usr/lib/postfix")})
        finally:
            self._stop()
        # With their owner: they move between folders of the same file system.
        self._copy(self.folder / "q/incoming", self.folder / "full")
        self.filled = count

    def relay(self, make_sink, count, sessions):
        if self.filled != count:
            shutil.rmtree(self.folder / "full", ignore_errors=True)
            self._clear()
            self.fill(count)
        self._clear()
        self._copy(self.folder / "full", self.folder / "q/incoming")
        subprocess.run(["sync", "-f", self.folder], check=True)
        with make_sink(subprocess.Popen) as sink:
            self._start(SENDING, sink.port, sessions)
            try:
                return sink.wait()
            finally:
                self._stop()

    def _clear(self):
        for name in ("incoming", "active", "deferred", "defer", "bounce"):
            for path in (self.folder / "q" / name).rglob("*"):
                if path.is_file():
                    path.unlink()

    @staticmethod
    def _copy(source, target):
        subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)

    def _start(self, services, smarthost, sessions):
        (self.folder / "etc/main.cf").write_text(MAIN_CF.format(
            folder=self.folder, root=self.root, owner=OWNER, group=GROUP, smarthost=smarthost, sessions=sessions))
        (self.folder / "etc/master.cf").write_text(BOTH + services)
        os.utime(self.folder / "etc/main.cf", (0, 1e9))  # a young one is read again and again
        run(str(self.root / "usr/lib/postfix/sbin/master"), "-c", str(self.folder / "etc"), "-w",
            env={"MAIL_CONFIG": str(self.folder / "etc"), "LD_LIBRARY_PATH": str(self.root / "usr/lib/postfix")})

    def _stop(self):
        """master ends its children with it; its queue folder tells them from others' processes."""
        pid = int((self.folder / "q/pid/master.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 10
        while pids := self._pids():
            assert time.monotonic() < deadline, f"Postfix did not end: {pids}"
            time.sleep(0.005)

    def _pids(self):
        found = []
        for path in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if Path(os.readlink(path)).is_relative_to(self.folder):
                    found.append(int(path.parts[2]))
            except OSError:  # it ended
                pass
        return found


class Nullmailer:
    """A process and a connection for each message, one after the other. Its queue lies in memory."""

    def __init__(self, message):
        self.root = extracted("nullmailer")
        self.message = message

    def __enter__(self):
        self.world = World().start()
        shutil.copytree(self.root / "usr", self.world.path("/usr"), symlinks=True, dirs_exist_ok=True)
        self._sh("mkdir -p /etc/nullmailer /var/spool/nullmailer/queue /var/spool/nullmailer/tmp"
                 " /var/spool/nullmailer/failed; mkfifo /var/spool/nullmailer/trigger; "
                 "echo box.example | tee /etc/nullmailer/me >/etc/nullmailer/defaultdomain")
        return self

    def __exit__(self, *_):
        self.world.stop()

    def relay(self, make_sink, count, _):
        # Opened for reading and writing, the pipe that tells of new mail never waits for a reader.
        self._sh(f"exec 3<>/var/spool/nullmailer/trigger; for i in $(seq {count}); do "
                 "nullmailer-inject -f root@box.example bob@example.org </tmp-message || exit; done", self.message)
        with make_sink(self.world.popen) as sink:
            self.world.path("/etc/nullmailer/remotes").write_text(f"127.0.0.1 smtp --port={sink.port}\n")
            with self.world.popen(["/usr/sbin/nullmailer-send"], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as sender:
                try:
                    return sink.wait()
                finally:
                    os.killpg(sender.pid, signal.SIGTERM)

    def _sh(self, text, message=None):
        if message is not None:
            self.world.path("/etc/bench-message").write_bytes(message)
        done = self.world.run(["sh", "-c", text.replace("/tmp-message", "/etc/bench-message")], timeout=60)
        assert done.returncode == 0, done


class Dma:
    """A process and a connection for each message, all at the same time. Its queue lies in memory."""

    def __init__(self, message):
        self.root = extracted("dma")
        self.message = message

    def __enter__(self):
        self.world = World().start()
        shutil.copytree(self.root / "usr", self.world.path("/usr"), symlinks=True, dirs_exist_ok=True)
        for folder in ("/etc/dma", "/var/spool/dma"):
            self.world.path(folder).mkdir(exist_ok=True)
        shutil.chown(self.world.path("/var/spool/dma"), "mail", "mail")  # whom root's dma becomes
        return self

    def __exit__(self, *_):
        self.world.stop()

    def relay(self, make_sink, count, _):
        self._configure(25, "DEFER\n")
        self.world.path("/etc/bench-message").write_bytes(self.message)
        done = self.world.run(["sh", "-c", f"for i in $(seq {count}); do "
                               "dma -f root@box.example bob@example.org </etc/bench-message || exit; done"], timeout=60)
        assert done.returncode == 0, done
        with make_sink(self.world.popen) as sink:
            self._configure(sink.port)
            started = self.world.run(["dma", "-q"])
            assert started.returncode == 0, started
            return sink.wait()

    def _configure(self, port, more=""):
        self.world.path("/etc/dma/dma.conf").write_text(f"SMARTHOST 127.0.0.1\nPORT {port}\n{more}")
