"""A real Exim as the smarthost: Debian's package extracted, never installed, with an account that only it sees.

It takes authenticated mail only over TLS, by STARTTLS on `port`, for any recipient, all of it into one file.
"""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.postfix import extracted, free_ports

CONF = r"""exim_path = {root}/usr/sbin/exim4
spool_directory = {folder}/spool
log_file_path = {folder}/log-%s
pid_file_path = {folder}/pid
primary_hostname = smarthost.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts = *
tls_certificate = {folder}/cert.pem
tls_privatekey = {folder}/key.pem
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
acl_smtp_rcpt = check_rcpt
host_lookup =
rfc1413_query_timeout = 0s
hosts_treat_as_local =
never_users =
keep_environment =
begin acl
check_rcpt:
  accept authenticated = *
  deny message = log in first
begin routers
all:
  driver = accept
  transport = file
begin transports
file:
  driver = appendfile
  file = {folder}/mail
  user = Debian-exim
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1
"""


class Exim:
    """Runs inside `with`."""

    user = "me"
    password = "open sesame"

    def __init__(self, certs):
        self.certificate, self.key = certs.good
        self.folder = self.port = self._process = None

    def __enter__(self):
        root = extracted("exim4-daemon-light")
        self.folder = Path(tempfile.mkdtemp(prefix="ex-", dir="/tmp"))
        self.port, = free_ports(1)
        self._files(root)
        # In this view of the machine there is one account more. exec: the pid is Exim's.
        self._process = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-ec",
             'mount --bind "$1/passwd" /etc/passwd; mount --bind "$1/group" /etc/group; '
             'chown Debian-exim:Debian-exim "$1" "$1/spool" "$1/key.pem"; exec "$2/usr/sbin/exim4" -C "$1/conf" -bdf',
             "sh", str(self.folder), str(root)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)
        self._process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        return "".join(path.read_text(errors="backslashreplace") for path in sorted(self.folder.glob("log-main*")))

    def wait_until(self, condition, timeout=20):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen in {timeout} s: {self.log()}"
            time.sleep(0.01)

    def messages(self):
        path = self.folder / "mail"
        return path.read_bytes() if path.exists() else b""

    def _files(self, root):
        (self.folder / "spool").mkdir()
        for source, name in ((self.certificate, "cert.pem"), (self.key, "key.pem")):
            shutil.copy(source, self.folder / name)
        for name, line in (("passwd", "Debian-exim:x:299:299::/:/bin/false\n"), ("group", "Debian-exim:x:299:\n")):
            (self.folder / name).write_text(Path("/etc", name).read_text() + line)
        conf = self.folder / "conf"
        conf.write_text(CONF.format(root=root, folder=self.folder, port=self.port, user=self.user,
                                    password=self.password))
        self.folder.chmod(0o755)

    def _wait(self):
        deadline = time.monotonic() + 15
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
            except OSError:
                pass
            if self._process.poll() is not None:
                raise RuntimeError(f"Exim ended: {self._process.stderr.read().decode()} {self.log()}")
            assert time.monotonic() < deadline, f"Exim does not listen: {self.log()}"
            time.sleep(0.01)
