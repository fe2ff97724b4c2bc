"""The server's side of SCRAM, XOAUTH2 and OAUTHBEARER for the scripted server: Server(mechanisms={…}).

They are strict: what is not as the RFC writes it is a violation of the connection.
"""

import base64
import ctypes
import hashlib
import hmac
import os
import re
import ssl

ITERATIONS = 4096
NO_EXTENDED_MASTER_SECRET = 1  # an option of OpenSSL's that Python does not name


def context(certs, version=None, options=0):
    """A server's TLS of one version only: ssl.TLSVersion.TLSv1_2, say."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*map(str, certs.good))
    if version:
        made.minimum_version = made.maximum_version = version
    made.options |= options
    return made


def exported(sock, label=b"EXPORTER-Channel-Binding", size=32):
    """What RFC 9266 binds to. Python's ssl has no such call, so OpenSSL's is called on its session."""
    session = ctypes.c_void_p.from_address(id(sock._sslobj) + 24)  # behind the object's head and its socket
    library = ctypes.CDLL("libssl.so.3")
    library.SSL_version.argtypes = [ctypes.c_void_p]
    assert library.SSL_version(session) in (0x303, 0x304), "this Python keeps its session elsewhere"
    out = ctypes.create_string_buffer(size)
    library.SSL_export_keying_material.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                                   ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    assert library.SSL_export_keying_material(session, out, size, label, len(label), None, 0, 0) == 1
    return out.raw


def end_point(session):
    """RFC 5929: of the certificate, which these tests sign with SHA-256."""
    text = open(session.settings.certificate_file, encoding="ascii").read()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).digest()


BINDINGS = {
    "tls-exporter": lambda session: exported(session.sock),
    "tls-unique": lambda session: session.sock.get_channel_binding("tls-unique"),
    "tls-server-end-point": end_point,
}


class Scram:
    """RFC 5802. headers: the gs2 headers that came. types: the bindings of a -PLUS one; None for one without.

    fault: "forged", "unsigned" (235 at once), "early" (235 before any challenge), "other nonce", "error" (e=…),
    "iterations" (too many).
    """

    def __init__(self, algorithm="sha256", types=None, fault=None, certificate=None):
        self.algorithm, self.types, self.fault, self.certificate = algorithm, types, fault, certificate
        self.headers = []

    def __call__(self, session, initial):
        first = (base64.b64decode(initial, validate=True) if initial else session.challenge(b"")).decode()
        header, bare = re.fullmatch(r"([ny]|p=[a-z-]+),,(n=.*)", first).groups()
        self.headers.append(header)
        name, client_nonce = re.fullmatch(r"n=((?:[^,=]|=2C|=3D)+),r=([!-+\--~]+)", bare).groups()
        session.judge(len(client_nonce) >= 18, "a short nonce")
        user = name.replace("=2C", ",").replace("=3D", "=")
        if self.fault == "early":
            return user, True
        error = self._judge(session, header)
        if error:
            session.challenge(b"e=" + error)
            return user, False
        return user, self._prove(session, user, bare, header, client_nonce)

    def _judge(self, session, header):
        """What is wrong with the binding that the client names."""
        offers_bound = any(word.endswith("-PLUS") for word in session.offered["AUTH"].split())
        if self.types is not None:
            return None if header.startswith("p=") and header[2:] in self.types else b"unsupported-channel-binding-type"
        session.judge(not header.startswith("p="), "a binding without -PLUS")
        return b"server-does-support-channel-binding" if header == "y" and offers_bound else None

    def _prove(self, session, user, bare, header, nonce):
        password = session.settings.passwords.get(user, os.urandom(8).hex())
        salt, nonce = os.urandom(16), nonce + base64.b64encode(os.urandom(12)).decode()
        if self.fault == "other nonce":
            nonce = "x" + nonce[1:] if nonce[0] != "x" else "y" + nonce[1:]
        count = 99_999_999 if self.fault == "iterations" else ITERATIONS
        server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i={count}"
        final = session.challenge(server_first.encode()).decode()
        channel, came, proof = re.fullmatch(r"c=([^,]+),r=([^,]+),p=([^,]+)", final).groups()
        expected = f"{header},,".encode() + self._channel(session, header)
        salted = hashlib.pbkdf2_hmac(self.algorithm, password.encode(), salt, ITERATIONS)
        text = f"{bare},{server_first},{final.rpartition(',p=')[0]}".encode()
        key = self._hmac(salted, b"Client Key")
        signature = self._hmac(hashlib.new(self.algorithm, key).digest(), text)
        right = bytes(a ^ b for a, b in zip(key, signature))
        if (base64.b64decode(channel), came, base64.b64decode(proof)) != (expected, nonce, right):
            return False
        return self._sign(session, self._hmac(self._hmac(salted, b"Server Key"), text))

    def _sign(self, session, signature):
        if self.fault == "error":
            session.challenge(b"e=other-error \x1b[2J")
            return False
        if self.fault == "forged":
            signature = bytes([signature[0] ^ 1]) + signature[1:]
        if self.fault != "unsigned":
            session.judge(session.challenge(b"v=" + base64.b64encode(signature)) == b"", "an answer to the signature")
        return True

    def _channel(self, session, header):
        if not header.startswith("p="):
            return b""
        session.settings.certificate_file = self.certificate
        return BINDINGS[header[2:]](session)

    def _hmac(self, key, text):
        return hmac.new(key, text, self.algorithm).digest()


def xoauth2(session, initial):
    """Its only description is Google's: user=USER^Aauth=Bearer TOKEN^A^A."""
    said = base64.b64decode(initial, validate=True) if initial else session.challenge(b"")
    user, token = re.fullmatch(rb"user=([^\x01]+)\x01auth=Bearer ([^\x01 ]+)\x01\x01", said).groups()
    return bearer(session, user.decode(), token.decode(), b"")


def oauthbearer(session, initial):
    """RFC 7628."""
    said = base64.b64decode(initial, validate=True) if initial else session.challenge(b"")
    pattern = rb"n,a=([^,\x01]+),\x01host=localhost\x01port=(\d+)\x01auth=Bearer ([^\x01 ]+)\x01\x01"
    user, port, token = re.fullmatch(pattern, said).groups()
    session.judge(int(port) == session.server.port, "another port")
    return bearer(session, user.replace(b"=2C", b",").replace(b"=3D", b"=").decode(), token.decode(), b"\1")


def bearer(session, user, token, answer):
    if session.settings.passwords.get(user) == token:
        return user, True
    said = session.challenge(b'{"status":"invalid_token","schemes":"bearer","scope":"\x1b[2Jmail"}')
    session.judge(said == answer, "another answer to the error")
    return user, False
