"""Dovecot's SASL for a Postfix: Debian's package extracted, never installed, seen only by its own processes.

    with Dovecot("/tmp/dc-x", "me@smarthost.test", "open sesame") as sasl, Postfix(None, certs, sasl.main_cf) as postfix: …
"""

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from support.postfix import GROUP, OWNER, extracted

CONF = """base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols =
ssl = no
default_internal_user = {owner}
default_internal_group = {group}
default_login_user = nobody
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
auth_failure_delay = 0
auth_verbose = yes
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=10 gid=10 home={folder}
}}
service auth {{
  unix_listener {folder}/sasl {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
"""


class Dovecot:
    """Runs inside `with`. main_cf: what Postfix' main.cf says to ask it."""

    def __init__(self, user, password):
        self.user, self.password = user, password
        self.folder = None
        self._process = None

    @property
    def main_cf(self):
        return f"smtpd_sasl_type = dovecot\nsmtpd_sasl_path = {self.folder}/sasl\n"

    def __enter__(self):
        root = extracted("dovecot-core")
        self.folder = Path(tempfile.mkdtemp(prefix="dc-", dir="/tmp"))
        self.folder.chmod(0o755)
        users = self.folder / "users"
        users.write_text(f"{self.user}:{self.password}\n")
        shutil.chown(users, OWNER)
        users.chmod(0o600)
        conf = self.folder / "dovecot.conf"
        conf.write_text(CONF.format(folder=self.folder, owner=OWNER, group=GROUP))
        # Its programs find each other below /usr; nobody else sees them there. exec: the pid is Dovecot's.
        self._process = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-ec",
             'mount -t overlay -o "lowerdir=$1/usr:/usr" overlay /usr; exec /usr/sbin/dovecot -F -c "$2"',
             "sh", str(root), str(conf)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its children end with it
            self._process.wait()
        self._process.stderr.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="backslashreplace") if path.exists() else ""

    def _wait(self):
        deadline = time.monotonic() + 15
        while True:
            with socket.socket(socket.AF_UNIX) as client:
                try:
                    return client.connect(str(self.folder / "sasl"))
                except OSError:
                    pass
            if self._process.poll() is not None:
                raise RuntimeError(f"Dovecot ended: {self._process.stderr.read().decode()} {self.log()}")
            assert time.monotonic() < deadline, f"Dovecot does not listen: {self.log()}"
            time.sleep(0.01)
