"""A throw-away certification authority, made by the openssl command."""

import base64
import re
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
    """ca: the authority's certificate. good, self_signed, expired, wrong_name, foreign, nul: (certificate, key) each.

    foreign is right in every way, but made by an authority that is not `ca`. nul names "localhost\\0.evil.test", which
    C's string functions take for localhost (CVE-2009-2408): nul_in_cn has it as its common name and no other.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self._authority("ca")
        self.good = self._issued("good", SAN)
        self.expired = self._issued("expired", SAN, start="20200101000000Z", end="20210101000000Z")
        self.wrong_name = self._issued("wrong_name", "subjectAltName=DNS:elsewhere.test")
        self.self_signed = self._self_signed("self_signed", SAN)
        self.nul = self._with_nul("nul", "subjectAltName=DNS:localhost?.evil.test")
        self.nul_in_cn = self._with_nul("nul_in_cn", "basicConstraints=CA:FALSE", subject="localhost?.evil.test")
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

    def _with_nul(self, name, extension, subject=None):
        """Issued, then its '?' made NUL and signed anew: no authority's tool writes such a name."""
        certificate, key = self._issued(name, extension, subject=subject)
        der = base64.b64decode("".join(re.findall(r"^[A-Za-z0-9+/=]+$", certificate.read_text(), re.M)))
        signed, algorithm, _ = elements(elements(der)[0], whole=False)
        assert b"localhost?.evil" in signed
        signed = signed.replace(b"localhost?.evil", b"localhost\0.evil")
        text = self.folder / f"{name}.signed"
        text.write_bytes(signed)
        signature = self._openssl("dgst", "-sha256", "-sign", "ca.key", "-binary", text)
        der = element(0x30, signed + algorithm + element(0x03, b"\0" + signature))
        certificate.write_text("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der).decode()
                               + "-----END CERTIFICATE-----\n")
        return certificate, key

    def _issued(self, name, extension, authority="ca", start=None, end="20491231000000Z", subject=None):
        self._request(name, extension, "-out", f"{name}.csr", subject=subject)
        start = start or time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - 86400))
        self._openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", f"../{name}.csr",
                      "-out", f"../{name}.pem", "-cert", f"../{authority}.pem", "-keyfile", f"../{authority}.key",
                      "-startdate", start, "-enddate", end, folder=self.folder / authority)
        return self._pair(name)

    def _request(self, name, extension, *more, subject=None):
        self._openssl("req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                      "-subj", f"/CN={subject or f'postbag test {name}'}", "-addext", extension, "-keyout", f"{name}.key", *more)

    def _pair(self, name):
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _openssl(self, *arguments, folder=None):
        done = subprocess.run(["openssl", *arguments], cwd=folder or self.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, f"openssl {' '.join(map(str, arguments))}: {done.stderr.decode()}"
        return done.stdout


def element(tag, value):
    """One element in DER."""
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + value


def elements(der, whole=True):
    """The elements that lie in `der` one behind the other (whole: their values), each with its head."""
    found = []
    while der:
        more = der[1] & 0x7f if der[1] & 0x80 else 0
        size = int.from_bytes(der[2:2 + more], "big") if more else der[1]
        end = 2 + more + size
        found.append(der[2 + more:end] if whole else der[:end])
        der = der[end:]
    return found
