"""One connection to the scripted SMTP server: the protocol, its recording and its judging."""

import base64
import collections
import re
import select
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field

from support.faults import Ended, reply_bytes

LINGER_NONE = struct.pack("ii", 1, 0)
LONGEST_LINE = 1000  # octets with CRLF, RFC 5321 section 4.5.3.1.6
PATH = re.compile(r'(?:FROM|TO):\s?<((?:"(?:\\.|[^"\\])*"|[^">])*)>(?: (.*))?$', re.I)
# After these a client must wait for the reply even where PIPELINING is offered (RFC 2920 section 3.1).
WAITING_STEPS = frozenset("greeting ehlo ehlo2 starttls auth challenge data quit".split())
PARAMETER_NEEDS = {"SIZE": "SIZE", "BODY": "8BITMIME", "SMTPUTF8": "SMTPUTF8", "AUTH": "AUTH",
                   "RET": "DSN", "ENVID": "DSN", "NOTIFY": "DSN", "ORCPT": "DSN"}


@dataclass
class Message:
    """One accepted message; data is the text with CRLF, dots unstuffed."""
    sender: str
    sender_params: dict
    recipients: list
    data: bytes = b""
    user: str = None
    tls: bool = False
    connection: int = 0

    @property
    def addresses(self):
        return [address for address, _ in self.recipients]


@dataclass
class Record:
    """What one connection did. wire holds what came in, decrypted; plain_wire what of it came before TLS."""
    number: int
    wire: bytearray = field(default_factory=bytearray)
    sent: bytearray = field(default_factory=bytearray)
    plain_wire: bytes = b""
    commands: list = field(default_factory=list)
    violations: list = field(default_factory=list)
    tls: bool = False
    tls_error: str = None
    user: str = None
    helo: str = None
    ended: bool = False


class Session:
    """Talks to one client until it or the script ends it. Scripts and mechanisms may look at every attribute."""

    def __init__(self, server, sock, number):
        self.server = server
        self.settings = server.settings
        self.sock = sock
        self.record = Record(number)
        self.step = None
        self.offered = {}
        self.transaction = None
        self._lines = collections.deque()
        self._partial = b""
        self._counts = {}
        self._unanswered = False
        self._closed = False
        self._starttls_done = False
        self._deadline = time.monotonic() + self.settings.lifetime

    # The wire.

    def send(self, data):
        if self._unanswered:
            self._unanswered = False
            self._judge_early_input()
        self.sock.settimeout(self._remaining())
        self.sock.sendall(data)
        self.record.sent += data

    def pause(self, seconds):
        if self.server.stopping.wait(min(seconds, self._remaining())):
            raise Ended

    def idle(self, reading):
        """Waits until the client leaves."""
        while reading:
            self._receive()
        poll = select.poll()
        poll.register(self.sock, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        while not poll.poll(100):
            self.pause(0)
        raise Ended

    def close(self):
        """FIN; unread input is drained first, for the kernel would answer it with RST."""
        if self._closed:
            return
        self._closed = True
        try:
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
            self.sock.settimeout(0.5)
            # In the middle of a text more always comes; there the client shall notice.
            until = time.monotonic() + (0 if self.step == "body" else 2)
            while time.monotonic() < until and socket.socket.recv(self.sock, 65536):
                pass
        except OSError:
            pass
        self.sock.close()

    def reset(self):
        self._closed = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        self.sock.close()

    def interrupt(self):
        """Called by another thread: wakes whatever this one waits for."""
        try:
            # Not SSLSocket's own, which would take the TLS object away from the thread that reads.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        except OSError:
            pass

    def _remaining(self):
        left = self._deadline - time.monotonic()
        if left <= 0 or self.server.stopping.is_set():
            raise Ended
        return left

    def _receive(self):
        self.sock.settimeout(self._remaining())
        self._take(self.sock.recv(65536))

    def _take(self, chunk):
        if not chunk:
            raise Ended
        self.record.wire += chunk
        lines = (self._partial + chunk).split(b"\n")
        self._partial = lines.pop()
        self._lines.extend(line + b"\n" for line in lines)

    def _pending(self):
        """Octets received but not yet looked at."""
        return sum(map(len, self._lines)) + len(self._partial)

    def read_line(self):
        """Up to and with LF; what is not CRLF is a violation."""
        while not self._lines:
            self._receive()
        line = self._lines.popleft()
        crlf = line.endswith(b"\r\n")
        self.judge(crlf, "bare LF")
        self.judge(b"\r" not in (line[:-2] if crlf else line), "bare CR")
        return line

    def _judge_early_input(self):
        if self.step == "body" or (self.step not in WAITING_STEPS and "PIPELINING" in self.offered):
            return
        if not self._pending():
            self.sock.settimeout(0)
            try:
                self._take(self.sock.recv(65536))
            except (OSError, Ended):  # nothing there, or the end, which the next read will see again
                pass
        self.judge(not self._pending(), f"input before the reply to {self.step}")

    def judge(self, good, text):
        """Notes a violation, once per kind."""
        if not good and text not in self.record.violations:
            self.record.violations.append(text)

    # The conversation.

    def run(self):
        try:
            if self.settings.implicit_tls:
                self._start_tls()
            self.answer("greeting", "220 scripted.test ESMTP ready")
            while True:
                self._command(self.read_line())
        except (Ended, OSError, ValueError):
            pass
        finally:
            self.close()
            self.record.ended = True
            self.server.changed()

    def answer(self, step, usual, what=None, effect=None):
        """Performs the step as scripted; the effect only happens with a positive reply, and before it is sent."""
        self.step = step
        self._counts[step] = self._counts.get(step, 0) + 1
        action = self.server.script.action(self, step, self._counts[step], what)
        usual = usual if isinstance(usual, bytes) else usual.encode() + b"\r\n"
        code = action.code(int(usual[:3]))
        if effect and code is not None and 200 <= code < 400:
            effect()
        self.server.changed()
        self._unanswered = True
        action.perform(self, usual)
        self._unanswered = False
        return code

    def _command(self, line):
        text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
        self.record.commands.append(text)
        verb, _, argument = text.partition(" ")
        method = getattr(self, "_do_" + verb.lower(), None) if verb.isalpha() else None
        if method:
            method(argument)
        else:
            self.answer("unknown", "500 5.5.2 unknown command", what=verb)

    def _do_ehlo(self, argument):
        self.record.helo = argument
        self.transaction = None
        self.offered = {}  # this command cannot yet have been sent in a pipeline
        offers = self.settings.offers_now(self.record.tls)
        offered = {word.partition(" ")[0].upper(): word.partition(" ")[2] for word in offers}
        self.answer(self._ehlo_step(), reply_bytes(250, ["scripted.test at your service", *offers]))
        self.offered = offered

    def _do_helo(self, argument):
        self.record.helo = argument
        self.transaction = None
        self.offered = {}
        self.answer(self._ehlo_step(), "250 scripted.test")

    def _ehlo_step(self):
        return "ehlo2" if self._starttls_done else "ehlo"

    def _do_starttls(self, _):
        if self.record.tls or not self.settings.context:
            return self.answer("starttls", "503 5.5.1 not now")
        if self.answer("starttls", "220 2.0.0 go ahead") == 220:
            self.record.plain_wire = bytes(self.record.wire)
            self._lines.clear()  # plain text must not be taken for protected text
            self._partial = b""
            self._start_tls()
            self._starttls_done = True
            self.record.helo = None
            self.offered = {}

    def _start_tls(self):
        self.step = "tls"
        action = self.server.script.action(self, "tls", 1)
        # Only once the client speaks TLS; else it might take what comes for more of the reply to STARTTLS.
        select.select([self.sock], [], [], self._remaining())
        action.perform(self, b"")
        try:
            self.sock.settimeout(self._remaining())
            self.sock = self.settings.context.wrap_socket(self.sock, server_side=True,
                                                          do_handshake_on_connect=False)
            self.sock.do_handshake()
        except OSError as error:
            self.record.tls_error = str(error)
            raise Ended from error
        self.record.tls = True

    def _do_auth(self, argument):
        self.judge(self.record.tls, "AUTH without TLS")
        mechanism, _, initial = argument.partition(" ")
        mechanism = mechanism.upper()
        handler = self.settings.mechanisms.get(mechanism)
        if not handler or mechanism not in self.offered.get("AUTH", "").split():
            return self.answer("auth", "504 5.5.4 no such mechanism", what=mechanism)
        try:
            user, accepted = handler(self, initial or None)
        except ValueError:
            return self.answer("auth", "501 5.5.2 not base64, or given up", what=mechanism)
        usual = "235 2.7.0 welcome" if accepted else "535 5.7.8 bad credentials"
        self.answer("auth", usual, what=mechanism, effect=lambda: setattr(self.record, "user", user))

    def challenge(self, prompt):
        """Sends 334 and returns what the client answers. Raises ValueError when it gives up."""
        self.answer("challenge", b"334 " + base64.b64encode(prompt) + b"\r\n")
        line = self.read_line().rstrip(b"\r\n")
        self.record.commands.append(line.decode("utf-8", "surrogateescape"))
        return base64.b64decode(line, validate=True)

    def _path(self, argument):
        """Address and parameters, or None."""
        match = PATH.match(argument)
        if not match:
            return None
        words = [word.partition("=") for word in (match[2] or "").split()]
        params = {name.upper(): value for name, _, value in words}
        for name in params:
            self.judge(PARAMETER_NEEDS.get(name) in self.offered, f"parameter {name} not offered")
        return match[1], params

    def _do_mail(self, argument):
        self._counts["rcpt"] = 0
        path = self._path(argument)
        if not path:
            return self.answer("mail", "501 5.5.4 syntax: MAIL FROM:<address>")
        address, params = path
        self.judge(argument.isascii() or "SMTPUTF8" in params, "8-bit address without SMTPUTF8")
        self.answer("mail", self._judge_mail(params), what=address,
                    effect=lambda: setattr(self, "transaction", Message(address, params, [])))

    def _judge_mail(self, params):
        if not self.record.helo or self.transaction:
            return "503 5.5.1 out of order"
        if self.settings.require_tls and not self.record.tls:
            return "530 5.7.0 STARTTLS first"
        if self.settings.require_auth and not self.record.user:
            return "530 5.7.0 authentication required"
        limit = int(self.offered.get("SIZE") or 0)
        if limit and int(params.get("SIZE") or 0) > limit:
            return "552 5.3.4 larger than the limit"
        return "250 2.1.0 sender fine"

    def _do_rcpt(self, argument):
        path = self._path(argument)
        if not path or not self.transaction:
            code = "503 5.5.1 MAIL first" if path else "501 5.5.4 syntax: RCPT TO:<address>"
            return self.answer("rcpt", code, what=path and path[0])
        self.judge(argument.isascii() or "SMTPUTF8" in self.transaction.sender_params,
                   "8-bit address without SMTPUTF8")
        self.answer("rcpt", "250 2.1.5 recipient fine", what=path[0],
                    effect=lambda: self.transaction.recipients.append(path))

    def _do_data(self, _):
        if not self.transaction or not self.transaction.recipients:
            return self.answer("data", "554 5.5.1 no valid recipients")
        if self.answer("data", "354 go ahead") != 354:
            return None
        message = self.transaction
        message.data = self._text()
        self._judge_text(message)
        limit = int(self.offered.get("SIZE") or 0)
        usual = "250 2.0.0 taken" if not limit or len(message.data) <= limit else "552 5.3.4 too large"
        self.transaction = None
        message.user, message.tls, message.connection = self.record.user, self.record.tls, self.record.number
        self.answer("dot", usual, effect=lambda: self.server.accept(message))

    def _text(self):
        """The text up to CRLF.CRLF, and nothing else ends it."""
        threshold = self.server.script.body_threshold()
        start = len(self.record.wire) - self._pending()
        parts, fresh, length = [], True, 0
        while True:
            if threshold is not None and len(self.record.wire) - start >= threshold:
                threshold = self._body_step(threshold)
            if not self._lines:
                self._receive()
                continue
            line = self.read_line()
            if fresh and line == b".\r\n":
                return b"".join(parts)
            length = len(line) - line.startswith(b".") if fresh else length + len(line)  # a stuffed dot is not counted
            self.judge(length <= LONGEST_LINE, "line over 1000 octets")
            parts.append(line[1:] if fresh and line.startswith(b".") else line)
            fresh = line.endswith(b"\r\n")

    def _body_step(self, threshold):
        self.step = "body"
        self.server.changed()
        action = self.server.script.action(self, "body", threshold)
        action.perform(self, b"")
        return None

    def _judge_text(self, message):
        params = message.sender_params
        text = message.data
        if "SMTPUTF8" in params:  # its header may be 8-bit
            text = text.partition(b"\r\n\r\n")[2]
        declared = params.get("BODY", "").upper() in ("8BITMIME", "BINARYMIME")
        self.judge(text.isascii() or declared, "8-bit without BODY=8BITMIME")
        self.judge(b"\0" not in message.data, "NUL in the text")
        size = params.get("SIZE")
        self.judge(not size or len(message.data) <= int(size), "message larger than its SIZE=")

    def _do_rset(self, _):
        self.answer("rset", "250 2.0.0 forgotten", effect=lambda: setattr(self, "transaction", None))

    def _do_noop(self, _):
        self.answer("noop", "250 2.0.0 nothing")

    def _do_vrfy(self, _):
        self.answer("vrfy", "252 2.1.5 perhaps")

    def _do_quit(self, _):
        self.answer("quit", "221 2.0.0 bye")
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.settimeout(0.5)
            self.sock.unwrap()
        raise Ended
