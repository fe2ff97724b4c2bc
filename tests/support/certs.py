"""A throw-away certification authority, made by the openssl command."""

import subprocess
import time
from pathlib import Path

SAN = "subjectAltName=DNS:localhost,IP:127.0.0.1"
AUTHORITY = """[ca]
default_ca = us
[us]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


class Certificates:
    """ca: the authority's certificate. good, self_signed, expired, wrong_name, foreign: (certificate, key) each.

    foreign is right in every way, but made by an authority that is not `ca`.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self._authority("ca")
        self.good = self._issued("good", SAN)
        self.expired = self._issued("expired", SAN, start="20200101000000Z", end="20210101000000Z")
        self.wrong_name = self._issued("wrong_name", "subjectAltName=DNS:elsewhere.test")
        self.self_signed = self._self_signed("self_signed", SAN)
        self._authority("other_ca")
        self.foreign = self._issued("foreign", SAN, authority="other_ca")

    def _authority(self, name):
        home = self.folder / name
        home.mkdir(exist_ok=True)
        (home / "ca.cnf").write_text(AUTHORITY)
        (home / "index.txt").write_text("")
        (home / "serial").write_text("1000\n")
        return self._self_signed(name, "basicConstraints=critical,CA:TRUE")[0]

    def _self_signed(self, name, extension):
        self._request(name, extension, "-x509", "-days", "3650", "-out", f"{name}.pem")
        return self._pair(name)

    def _issued(self, name, extension, authority="ca", start=None, end="20491231000000Z"):
        self._request(name, extension, "-out", f"{name}.csr")
        start = start or time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - 86400))
        self._openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", f"../{name}.csr",
                      "-out", f"../{name}.pem", "-cert", f"../{authority}.pem", "-keyfile", f"../{authority}.key",
                      "-startdate", start, "-enddate", end, folder=self.folder / authority)
        return self._pair(name)

    def _request(self, name, extension, *more):
        self._openssl("req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                      "-subj", f"/CN=postbag test {name}", "-addext", extension, "-keyout", f"{name}.key", *more)

    def _pair(self, name):
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _openssl(self, *arguments, folder=None):
        done = subprocess.run(["openssl", *arguments], cwd=folder or self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr}"
