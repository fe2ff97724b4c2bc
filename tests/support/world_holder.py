"""The first process of a World: builds it, then keeps it alive, reaps its orphans and records its syslog.

Run by world.py as `unshare -mnpu … python3 world_holder.py JSON`. Talks in lines: prints "ready"; each octet on
standard input is answered by a JSON list of the syslog lines so far. Ends with its standard input, and everything in
the world with it, since it is the first process of a pid namespace.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

DEVICES = "null zero full random urandom tty".split()
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def mount(*arguments):
    subprocess.run(["mount", *map(str, arguments)], check=True)


def tmpfs(path, mode):
    Path(path).mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"mode={mode}", "tmpfs", path)


def overlay(store, path):
    """What is written below path goes to memory."""
    name = path.strip("/").replace("/", "-")
    for part in ("upper", "work"):
        (store / name / part).mkdir(parents=True)
    layers = f"lowerdir={path},upperdir={store / name / 'upper'},workdir={store / name / 'work'}"
    mount("-t", "overlay", "-o", layers, "overlay", path)


def devices(store):
    """A private /dev. Nodes are bound, for making new ones is not allowed everywhere."""
    dev = store / "dev"
    tmpfs(dev, "0755")
    for name in DEVICES:
        (dev / name).touch()
        mount("--bind", f"/dev/{name}", dev / name)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"),
                         ("ptmx", "pts/ptmx")):
        (dev / name).symlink_to(target)
    tmpfs(dev / "shm", "1777")
    (dev / "pts").mkdir()
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620", "devpts", dev / "pts")
    mount("--move", dev, "/dev")


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(sock, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


def replace(path, text):
    """A new file, also where there was a link out of the world."""
    path = Path(path)
    path.unlink(missing_ok=True)
    path.write_text(text)


def names(wanted):
    domain = wanted["mailname"]
    replace("/etc/mailname", domain + "\n")
    replace("/etc/hosts", f"127.0.0.1\tlocalhost\n127.0.1.1\t{wanted['hostname']}.{domain} {wanted['hostname']}\n")
    replace("/etc/hostname", wanted["hostname"] + "\n")
    replace("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    socket.sethostname(wanted["hostname"])


def accounts(users):
    """Adds [name, uid, home or None] each, with a group of its own; no home makes it a system's account."""
    for name, uid, home in users:
        place = home or "/nonexistent"
        shell = "/bin/sh" if home else "/usr/sbin/nologin"
        for path, line in (("/etc/passwd", f"{name}:x:{uid}:{uid}:{name.capitalize()} Tester,,,:{place}:{shell}"),
                           ("/etc/group", f"{name}:x:{uid}:"), ("/etc/shadow", f"{name}:*:19000:0:99999:7:::")):
            with open(path, "a", encoding="utf-8") as file:
                file.write(line + "\n")
        if home:
            Path(home).mkdir(parents=True, mode=0o700)
            os.chown(home, uid, uid)


def build(wanted):
    store = Path(wanted["store"])
    tmpfs(store, "0755")
    for path in wanted["writable"]:
        overlay(store, path)
    tmpfs("/var/mail", "2775")
    shutil.chown("/var/mail", "root", "mail")
    tmpfs("/run", "0755")
    tmpfs("/home", "0755")
    devices(store)
    loopback_up()
    names(wanted)
    accounts(wanted["users"])
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    log.setblocking(False)
    return log


def drain(log, lines):
    while True:
        try:
            lines.append(log.recv(65536).decode("utf-8", "backslashreplace").rstrip("\n\0"))
        except BlockingIOError:
            return


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def hold(log):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    lines = []
    print("ready", flush=True)
    while True:
        reap()
        ready = select.select([0, log, reading], [], [])[0]
        if reading in ready:
            os.read(reading, 4096)
        drain(log, lines)
        if 0 in ready:
            if not os.read(0, 1):
                return
            print(json.dumps(lines), flush=True)


if __name__ == "__main__":
    hold(build(json.loads(sys.argv[1])))
