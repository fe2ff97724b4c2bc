"""A real Postfix as the smarthost: Debian's package extracted, never installed.

It takes authenticated mail only over TLS, by STARTTLS on `port` and from the start on `tls_port`, for any recipient,
and puts all of it into one maildir. Needs root, since Postfix' own processes change their uid.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PEERS = Path(__file__).resolve().parents[2] / "build" / "peers"
# Postfix' master dies silently when the group of postdrop is the mail owner's, so two system accounts are borrowed.
OWNER, GROUP = "uucp", "news"
OWNED = "private incoming active deferred defer bounce hold corrupt maildrop flush saved trace public".split()

MAIN_CF = """compatibility_level = 3.6
queue_directory = {folder}/q
data_directory = {folder}/data
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {folder}/etc
mail_owner = {owner}
setgid_group = {group}
default_privs = nobody
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
import_environment = LD_LIBRARY_PATH={libraries} MAIL_CONFIG TZ
myhostname = smarthost.test
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
message_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = static:all
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:10
virtual_gid_maps = static:10
virtual_minimum_uid = 10
smtpd_tls_chain_files = {key}, {certificate}
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_peername_lookup = no
smtpd_error_sleep_time = 0
"""

MASTER_CF = """127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{tls_port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""

SASL_CONF = """pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasldb2
mech_list: PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256
"""


def extracted(package):
    """The folder of a Debian package's files; downloaded and unpacked the first time."""
    target = PEERS / package
    if target.is_dir():
        return target
    PEERS.mkdir(parents=True, exist_ok=True)
    if not list(PEERS.glob(f"{package}_*.deb")):
        # Root itself downloads: apt's own account may not reach this folder.
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package, cwd=PEERS)
    unpacked = Path(tempfile.mkdtemp(dir=PEERS))
    run("dpkg", "-x", str(sorted(PEERS.glob(f"{package}_*.deb"))[-1]), str(unpacked))
    unpacked.chmod(0o755)
    unpacked.rename(target)
    return target


def run(*command, env=None, cwd=None, given=""):
    done = subprocess.run(command, env=env and {**os.environ, **env}, cwd=cwd, input=given, text=True, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stdout}")
    return done.stdout


def free_ports(count):
    """Ports nobody listens on; all distinct."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


class Postfix:
    """Runs inside `with`, or from start() to stop(). The folder, short for its sockets' sake, is removed in the end.

    main_cf: lines that its main.cf ends with.
    """

    user = "me@smarthost.test"
    password = "open sesame"

    def __init__(self, folder, certs, main_cf=""):
        self.main_cf = main_cf
        self.folder = Path(folder) if folder else Path(tempfile.mkdtemp(prefix="pf-", dir="/tmp"))
        assert len(str(self.folder)) < 60, "Postfix' sockets would have too long names"
        self.certificate, self.key = certs.good
        self.port = self.tls_port = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.root = extracted("postfix")
        self.libraries = str(self.root / "usr/lib/postfix")
        try:
            self._folders()
            self._configure()
            self._sasl()
            run(str(self.root / "usr/lib/postfix/sbin/master"), "-c", str(self.folder / "etc"), "-w",
                env=self._environment())
            for port in (self.port, self.tls_port):
                socket.create_connection(("127.0.0.1", port), timeout=10).close()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Ends master, waits for every process of this queue, removes the folder."""
        pid_file = self.folder / "q/pid/master.pid"
        deadline = time.monotonic() + 10
        if pid_file.exists() and self._pids():
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        while self._pids():
            assert time.monotonic() < deadline + 5, f"Postfix did not end: {self._pids()}"
            if time.monotonic() > deadline:
                for pid in self._pids():
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        shutil.rmtree(self.folder, ignore_errors=True)

    def messages(self):
        """The delivered messages, as written by Postfix (LF, its Return-Path and Received first)."""
        return [path.read_bytes() for path in sorted((self.folder / "mail/all/new").glob("*"))]

    def wait_for(self, count, timeout=20):
        deadline = time.monotonic() + timeout
        while len(self.messages()) < count:
            assert time.monotonic() < deadline, f"no {count} messages in {timeout} s:\n{self.log()}"
            time.sleep(0.01)
        return self.messages()

    def clear(self):
        for path in (self.folder / "mail/all/new").glob("*"):
            path.unlink()

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="backslashreplace") if path.exists() else ""

    def _environment(self):
        return {"MAIL_CONFIG": str(self.folder / "etc"), "LD_LIBRARY_PATH": self.libraries}

    def _folders(self):
        for name in ("etc/sasl", "data", "mail", "q/pid", *(f"q/{name}" for name in OWNED)):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        for name in ("data", "mail", *(f"q/{name}" for name in OWNED)):
            path = self.folder / name
            path.chmod(0o700)
            shutil.chown(path, OWNER, GROUP if name in ("q/public", "q/maildrop") else OWNER)
        (self.folder / "q/public").chmod(0o710)
        (self.folder / "q/maildrop").chmod(0o730)

    def _configure(self):
        etc = self.folder / "etc"
        self.port, self.tls_port = free_ports(2)
        for source, name in ((self.certificate, "cert.pem"), (self.key, "key.pem")):
            shutil.copy(source, etc / name)
        (etc / "main.cf").write_text(MAIN_CF.format(
            folder=self.folder, root=self.root, libraries=self.libraries, owner=OWNER, group=GROUP,
            certificate=etc / "cert.pem", key=etc / "key.pem") + self.main_cf)
        (etc / "master.cf").write_text(MASTER_CF.format(port=self.port, tls_port=self.tls_port))
        # Postfix reads a file again and again, 0.3 s apart, until its last change is two seconds ago.
        os.utime(etc / "main.cf", (0, time.time() - 60))

    def _sasl(self):
        (self.folder / "etc/sasl/smtpd.conf").write_text(SASL_CONF.format(folder=self.folder))
        database = self.folder / "sasldb2"
        name, _, domain = self.user.partition("@")
        run(str(extracted("sasl2-bin") / "usr/sbin/saslpasswd2"), "-p", "-c", "-f", str(database), "-u", domain, name,
            given=self.password)
        shutil.chown(database, OWNER)

    def _pids(self):
        """Every process of this instance works in its queue folder."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if Path(os.readlink(path)).is_relative_to(self.folder):
                    found.append(int(path.parts[2]))
            except OSError:  # it ended
                pass
        return found
