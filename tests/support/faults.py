"""What the scripted SMTP server does instead of its usual reply.

A script maps steps to actions:

    {"greeting": "421 4.3.2 busy",               every time
     ("rcpt", "tmp@x.test"): "450 4.2.1 busy",   by argument (address, mechanism)
     ("rcpt", 2): Reply(550, ["a", "b"]),        the 2nd RCPT of a transaction, multi-line
     ("mail", 2): Close(),                       the 2nd MAIL of a connection
     ("body", 5000): Reset(),                    once 5000 octets of the text came in
     "dot": [Stall(), None, "452 full"],         1st time, 2nd (usual), 3rd; then as usual
     "auth": OnConnection({2: "454 later"}),     only on the 2nd connection
     "quit": lambda session: ...}                whatever the session says (action or None)

Steps: see STEPS. A plain string is a reply line, bytes are sent as they are, None is the usual reply. A reply
decides the effect too: after "250" at `dot` the message counts as accepted, after "450" it does not.
"""

import threading

# `ehlo2` is EHLO after STARTTLS; `tls` the handshake; `challenge` a 334; `body` the message's text.
STEPS = frozenset("greeting ehlo starttls tls ehlo2 auth challenge mail rcpt data body dot rset noop vrfy quit "
                  "unknown".split())


class Ended(Exception):
    """The conversation is over."""


def reply_bytes(code, lines):
    """A reply as it goes over the wire; no lines at all is the bare code."""
    if not lines:
        return b"%d\r\n" % code
    text = [line.encode("utf-8", "surrogateescape") for line in lines]
    dashed = b"".join(b"%d-%s\r\n" % (code, line) for line in text[:-1])
    return dashed + b"%d %s\r\n" % (code, text[-1])


class Action:
    """The usual reply. code() is what it will answer (None: nothing), known before perform() sends it."""

    def code(self, usual):
        return usual

    def perform(self, session, usual):
        session.send(usual)


class Raw(Action):
    """These bytes, whatever they are."""

    def __init__(self, data):
        self.data = data

    def code(self, usual):
        return int(self.data[:3]) if self.data[:3].isdigit() else None

    def perform(self, session, usual):
        session.send(self.data)


class Reply(Raw):
    """A reply of any code, of one line, many, or none."""

    def __init__(self, code, lines=()):
        super().__init__(reply_bytes(code, [lines] if isinstance(lines, str) else list(lines)))


class Garbage(Raw):
    """Something that is no SMTP reply."""

    def __init__(self, data=b"\x16\x03\x01\x00\xff\x1b[2J nonsense \x00\x80\r\n"):
        super().__init__(data)


class Delay(Action):
    """The reply (the usual one, or `then`) after some seconds."""

    def __init__(self, seconds, then=None):
        self.seconds = seconds
        self.then = as_action(then)

    def code(self, usual):
        return self.then.code(usual)

    def perform(self, session, usual):
        session.pause(self.seconds)
        self.then.perform(session, usual)


class Drip(Action):
    """The reply, one octet at a time: each read succeeds, and yet it takes for ever."""

    def __init__(self, then=None, interval=0.2):
        self.then = as_action(then)
        self.interval = interval

    def code(self, usual):
        return self.then.code(usual)

    def perform(self, session, usual):
        data = self.then.data if isinstance(self.then, Raw) else usual
        for octet in data:
            session.send(bytes([octet]))
            session.pause(self.interval)


class Padded(Action):
    """The usual reply at the end of very many lines: right, and as long as a reply can get."""

    def __init__(self, lines=1000, length=1000):
        self.lines = lines
        self.length = length

    def perform(self, session, usual):
        session.send((usual[:3] + b"-" + b"x" * self.length + b"\r\n") * self.lines + usual)


class Endless(Action):
    """A line of a reply that never ends."""

    def code(self, usual):
        return None

    def perform(self, session, usual):
        session.send(usual[:3] + b"-")
        while True:
            session.send(b"x" * 65536)


class Extra(Action):
    """The usual reply, and at once another one that nobody asked for."""

    def __init__(self, extra="250 2.0.0 and more"):
        self.extra = extra.encode() + b"\r\n"

    def perform(self, session, usual):
        session.send(usual + self.extra)


class Taken(Action):
    """Does what was asked (at `dot`: takes the message), and then says so as another action would."""

    def __init__(self, then):
        self.then = as_action(then)

    def perform(self, session, usual):
        self.then.perform(session, usual)


class Stall(Action):
    """No answer ever; reads on (unless reading=False, as in the middle of a text) until the client leaves."""

    def __init__(self, reading=None):
        self.reading = reading

    def code(self, usual):
        return None

    def perform(self, session, usual):
        session.idle(session.step != "body" if self.reading is None else self.reading)


class Close(Action):
    """FIN, after an optional last reply: Close("421 4.3.2 going down")."""

    def __init__(self, reply=None):
        self.reply = as_action(reply) if reply is not None else None

    def code(self, usual):
        return None

    def perform(self, session, usual):
        if self.reply:
            self.reply.perform(session, usual)
        session.close()
        raise Ended


class Reset(Close):
    """RST, after an optional last reply."""

    def perform(self, session, usual):
        if self.reply:
            self.reply.perform(session, usual)
        session.reset()
        raise Ended


class CloseAfter(Close):
    """Does what was asked, at `dot`: takes the message, then closes without the reply."""

    def code(self, usual):
        return usual


class Gate(Action):
    """Waits before the reply until the test says open(); wait_reached() says that a client is there."""

    def __init__(self, then=None):
        self.then = as_action(then)
        self._reached = threading.Event()
        self._open = threading.Event()

    def code(self, usual):
        return self.then.code(usual)

    def wait_reached(self, timeout=10):
        assert self._reached.wait(timeout), "no client came to the gate"

    def open(self):
        self._open.set()

    def perform(self, session, usual):
        self._reached.set()
        while not self._open.is_set():
            session.pause(0.01)
        self.then.perform(session, usual)


class OnConnection:
    """Actions by connection number (1 is the first); the other connections get the usual reply."""

    def __init__(self, actions):
        self.actions = dict(actions)


def as_action(value):
    """An Action from what a script may hold."""
    if value is None:
        return Action()
    if isinstance(value, str):
        return Raw(value.encode("utf-8", "surrogateescape") + b"\r\n")
    if isinstance(value, bytes):
        return Raw(value)
    if not isinstance(value, Action):
        raise TypeError(f"not an action: {value!r}")
    return value


class Script:
    """Looks actions up; shared by the connections of a server."""

    def __init__(self, entries=None):
        self._entries = {}
        self._lock = threading.Lock()
        for key, value in (entries or {}).items():
            key = key if isinstance(key, tuple) else (key,)
            if key[0] not in STEPS:
                raise ValueError(f"no such step: {key[0]}")
            self._entries[key] = list(value) if isinstance(value, (list, tuple)) else value

    def action(self, session, step, nth, what=None):
        """What to do at this step; the most particular entry that has something to say wins."""
        for key in ((step, what), (step, nth), (step,)):
            chosen = self._choose(self._entries.get(key), session)
            if chosen is not None:
                return as_action(chosen)
        return Action()

    def body_threshold(self):
        """After how many octets of text the `body` step comes, or None."""
        steps = [key[1] if len(key) > 1 else 1 for key in self._entries if key[0] == "body"]
        return min(steps, default=None)

    def _choose(self, value, session):
        if isinstance(value, list):
            with self._lock:
                value = value.pop(0) if value else None
        if isinstance(value, OnConnection):
            value = value.actions.get(session.record.number)
        if callable(value):
            value = value(session)
        return value
