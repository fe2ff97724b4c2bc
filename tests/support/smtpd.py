"""A scripted SMTP server on the loopback.

    with Server({"dot": "451 4.3.0 later"}, certificate=certs.good, passwords={"me": "pw"}) as server:
        ... server.port ...
        server.wait_for(1)
    server.messages  server.commands  server.wire  server.violations

Scripts are explained in faults.py. As a program it is a small sink that shows each message it takes.
"""

import argparse
import base64
import hmac
import signal
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    # The package is one folder up; and this file must not stand in for the old module smtpd.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# pylint: disable=wrong-import-position
from support.faults import (Action, Close, CloseAfter, Delay, Drip, Ended, Endless, Extra,  # noqa: F401 (for the
                            Garbage, Gate, OnConnection, Padded, Raw, Reply, Reset, Script, Stall,  # tests)
                            Taken)
from support.smtp_session import Message, Record, Session  # noqa: F401


def auth_plain(session, initial):
    """RFC 4616: authorization NUL user NUL password."""
    answer = base64.b64decode(initial, validate=True) if initial else session.challenge(b"")
    _, user, password = answer.decode().split("\0")
    return user, session.settings.passwords.get(user) == password


def auth_login(session, initial):
    """User and password, each asked for."""
    user = base64.b64decode(initial, validate=True) if initial else session.challenge(b"Username:")
    password = session.challenge(b"Password:").decode()
    return user.decode(), session.settings.passwords.get(user.decode()) == password


def auth_cram_md5(session, _):
    """RFC 2195."""
    prompt = b"<1896.697170952@scripted.test>"
    user, _, digest = session.challenge(prompt).decode().rpartition(" ")
    password = session.settings.passwords.get(user, "")
    return user, bool(password) and hmac.new(password.encode(), prompt, "md5").hexdigest() == digest


MECHANISMS = {"PLAIN": auth_plain, "LOGIN": auth_login, "CRAM-MD5": auth_cram_md5}


@dataclass
class Settings:
    """How a server presents itself. `offers` replaces the whole EHLO list, `without` takes words out of it.

    certificate: (chain file, key file), or an SSLContext. mechanisms: {NAME: f(session, initial) -> (user, accepted)}.
    listener: a listening socket made elsewhere, say in a World. lifetime bounds each connection, in seconds.
    """
    certificate: object = None
    implicit_tls: bool = False
    offers: list = None
    without: tuple = ()
    passwords: dict = field(default_factory=dict)
    mechanisms: dict = field(default_factory=dict)
    auth: str = "PLAIN LOGIN"
    auth_in_clear: bool = False
    require_tls: bool = False
    require_auth: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    listener: socket.socket = None
    lifetime: float = 60

    def __post_init__(self):
        self.context = self.certificate if isinstance(self.certificate, ssl.SSLContext) else None
        if self.certificate and not self.context:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*map(str, self.certificate))
        self.mechanisms = {**MECHANISMS, **self.mechanisms}
        if self.offers is None:
            self.offers = ["PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN"]
            if self.context and not self.implicit_tls:
                self.offers.append("STARTTLS")
            if self.passwords:
                self.offers.append("AUTH " + self.auth)
        self.offers = [offer for offer in self.offers if offer.partition(" ")[0] not in self.without]

    def offers_now(self, tls):
        """What EHLO lists: STARTTLS only before TLS, and AUTH only after it where there is STARTTLS."""
        hidden = {"STARTTLS"} if tls else set()
        if "STARTTLS" in self.offers and not tls and not self.auth_in_clear:
            hidden.add("AUTH")
        return [offer for offer in self.offers if offer.partition(" ")[0] not in hidden]


class Server:
    """Listens from `with` (or start()) on; leaving it ends every thread."""

    def __init__(self, script=None, **settings):
        self.settings = Settings(**settings)
        self.script = Script(script)
        self.stopping = threading.Event()
        self.messages = []
        self.sessions = []
        self._condition = threading.Condition()
        self._threads = []
        self._listener = self.settings.listener
        self.port = None

    def start(self):
        if not self._listener:
            family = socket.AF_INET6 if ":" in self.settings.host else socket.AF_INET
            self._listener = socket.create_server((self.settings.host, self.settings.port), family=family)
        self.port = self._listener.getsockname()[1]
        self._listener.settimeout(None)
        self._run(self._accept)
        return self

    def stop(self):
        if self._listener is None:
            return
        self.stopping.set()
        socket.socket.shutdown(self._listener, socket.SHUT_RDWR)  # wakes accept()
        deadline = time.monotonic() + 10
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < deadline:
            for session in list(self.sessions):
                session.interrupt()
            for thread in list(self._threads):
                thread.join(0.02)
        self._listener.close()
        self._listener = None
        left = [thread for thread in self._threads if thread.is_alive()]
        assert not left, f"threads of the SMTP server did not end: {left}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # What happened.

    @property
    def address(self):
        return f"localhost:{self.port}"

    @property
    def connections(self):
        return [session.record for session in list(self.sessions)]

    @property
    def wire(self):
        return [bytes(record.wire) for record in self.connections]

    @property
    def commands(self):
        return [list(record.commands) for record in self.connections]

    @property
    def verbs(self):
        """All commands' first words, in order, over all connections."""
        return [line.partition(" ")[0].upper() for commands in self.commands for line in commands]

    @property
    def violations(self):
        return [f"connection {record.number}: {text}" for record in self.connections for text in record.violations]

    def wait_until(self, condition, timeout=10, what="what the test waits for"):
        """Waits until condition() holds; it is looked at whenever something happened."""
        with self._condition:
            if not self._condition.wait_for(condition, timeout):
                raise AssertionError(f"SMTP server: {what} did not happen in {timeout} s; commands: {self.commands}")

    def wait_for(self, count, timeout=10):
        """Waits for that many accepted messages and returns them."""
        self.wait_until(lambda: len(self.messages) >= count, timeout, f"{count} messages")
        return list(self.messages)

    def wait_for_connections(self, count, ended=True, timeout=10):
        """Waits until that many connections came (and ended)."""
        self.wait_until(lambda: sum(record.ended or not ended for record in self.connections) >= count,
                        timeout, f"{count} connections")

    # For the sessions.

    def accept(self, message):
        with self._condition:
            self.messages.append(message)

    def changed(self):
        with self._condition:
            self._condition.notify_all()

    def _run(self, target):
        thread = threading.Thread(target=target, name="smtpd", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = Session(self, sock, len(self.sessions) + 1)
            self.sessions.append(session)
            self.changed()
            self._run(session.run)


def closed_port():
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# The program.


def printable(text):
    """Mail is untrusted: nothing in it may speak to the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def show(number, message, sink):
    """Prints one message; the sink gets it byte for byte."""
    facts = ["TLS" if message.tls else "no TLS"] + ([f"login {message.user}"] if message.user else [])
    print(f"--- message {number} ({', '.join(facts)}, {len(message.data)} bytes)")
    print(printable(f"    from  <{message.sender}>"))
    for address in message.addresses:
        print(printable(f"    to    <{address}>"))
    text = message.data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    print("\n".join("    | " + printable(line) for line in text.rstrip("\n").split("\n")), flush=True)
    if sink:
        Path(sink, f"{number:04}.eml").write_bytes(message.data)


def options(arguments):
    parser = argparse.ArgumentParser(description="A small SMTP server that shows what it gets.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (any free one)")
    parser.add_argument("--port-file", help="file to write the port to, once it listens")
    parser.add_argument("--sink", help="folder for the messages, one file each")
    parser.add_argument("--count", type=int, default=0, help="end after so many messages")
    parser.add_argument("--timeout", type=float, default=3600, help="end after so many seconds (3600)")
    parser.add_argument("--certificate", nargs=2, metavar=("CHAIN", "KEY"), help="offer STARTTLS")
    parser.add_argument("--tls", action="store_true", help="TLS from the first octet on")
    parser.add_argument("--user", nargs=2, metavar=("NAME", "PASSWORD"), help="offer and require AUTH")
    chosen = parser.parse_args(arguments)
    if chosen.tls and not chosen.certificate:
        parser.error("--tls needs --certificate")
    return chosen


def announce(port, port_file):
    print(f"listening on 127.0.0.1:{port}", flush=True)
    if port_file:
        temporary = Path(port_file + ".new")  # whoever waits for the file never sees it empty
        temporary.write_text(f"{port}\n")
        temporary.rename(port_file)


def main(arguments=None):
    chosen = options(arguments)
    if chosen.sink:
        Path(chosen.sink).mkdir(parents=True, exist_ok=True)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    passwords = dict([chosen.user]) if chosen.user else {}
    shown = 0
    deadline = time.monotonic() + chosen.timeout
    with Server(certificate=chosen.certificate, implicit_tls=chosen.tls, port=chosen.port, passwords=passwords,
                require_auth=bool(passwords)) as server:
        announce(server.port, chosen.port_file)
        while not ended.wait(0.05) and time.monotonic() < deadline:
            for message in server.messages[shown:]:
                shown += 1
                show(shown, message, chosen.sink)
            if chosen.count and shown >= chosen.count:
                # The client still wants its replies to the last dot and to QUIT.
                until = min(deadline, time.monotonic() + 2)
                while time.monotonic() < until and not all(record.ended for record in server.connections):
                    ended.wait(0.02)
                break
        for violation in server.violations:
            print(f"not as SMTP wants it: {violation}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
