"""Sessions with smarthosts: how many, how long, what goes over each of them, and in which order."""

import base64
import contextlib
import fcntl
import re
import signal
import socket
import ssl
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest
from support.smtpd import Close, Garbage, Gate, Reset, Stall, closed_port

TEXT = b"Subject: hi\n\nhello\n"
SENDER = "jane@lan.example"


def queue(account, *recipients, sender=SENDER, text=TEXT):
    done = account.sendmail("-odq", "-f", sender, *recipients, input=text)
    assert (done.returncode, done.stderr) == (0, b"")


def queue_many(account, count):
    for number in range(count):
        queue(account, f"r{number}@x.test")


def flushed(account, *arguments):
    done = account.flush(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def taken(server):
    """Who got mail, in the order of its arrival."""
    return [address for message in server.messages for address in message.addresses]


def statuses(account, address):
    """The status byte of this recipient, by the entry on disk."""
    return [each.status for entry in account.entries() for each in entry.recipients if each.address == address]


@contextlib.contextmanager
def flush_beside(account):
    """A run beside the test; its command line names the account."""
    with subprocess.Popen([account.programs["postbag-flush"], "--config", account.config], env=account.env,
                          cwd=account.work) as flush:
        try:
            yield flush
        finally:
            if flush.poll() is None:
                flush.kill()


def unread(session):
    """Octets that the client has sent and the server has not read."""
    return struct.unpack("i", fcntl.ioctl(session.sock.fileno(), termios.FIONREAD, b"\0" * 4))[0]


# How many sessions.


def test_as_many_sessions_as_configured_and_no_more(account, smtpd):
    gate = Gate()
    server = smtpd({"dot": gate})
    account.relay_through(server, security="none", connections=3)
    queue_many(account, 30)
    with flush_beside(account) as flush:
        server.wait_until(lambda: [session.step for session in server.sessions].count("dot") == 3)
        gate.open()
        assert flush.wait(20) == 0
    assert len(server.connections) == 3 and server.violations == []
    assert sorted(taken(server)) == sorted(f"r{number}@x.test" for number in range(30))
    assert all(any(message.connection == number for message in server.messages) for number in (1, 2, 3))


def test_one_session_finds_out_whether_there_may_be_more(account, smtpd):
    server = smtpd({"greeting": "421 4.3.2 too busy"})
    account.relay_through(server, security="none", connections=20)
    queue_many(account, 30)
    flushed(account)
    assert len(server.connections) == 1 and server.messages == []
    assert len(account.entries()) == 30


def test_a_session_ends_after_so_many_messages(account, smtpd):
    server = smtpd()
    account.relay_through(server, security="none", connections=1, messages_per_connection=5)
    queue_many(account, 12)
    flushed(account)
    assert [message.connection for message in server.messages] == [1] * 5 + [2] * 5 + [3] * 2
    assert taken(server) == [f"r{number}@x.test" for number in range(12)]
    assert server.verbs.count("QUIT") == 3 and server.violations == []


def test_recipients_go_in_transactions_of_the_configured_size(account, smtpd):
    server = smtpd()
    account.relay_through(server, security="none", connections=1, recipients_per_transaction=7)
    names = [f"r{number}@x.test" for number in range(20)]
    queue(account, *names)
    flushed(account)
    assert [len(message.addresses) for message in server.messages] == [7, 7, 6] and taken(server) == names
    assert len(server.connections) == 1 and account.entries() == []


@pytest.mark.parametrize("reply", ["452 4.5.3 too many", "452 too many"])
@pytest.mark.parametrize("without", [(), ("PIPELINING",)], ids=["pipelined", "one-by-one"])
def test_a_server_that_has_enough_recipients_gets_the_rest_at_once(account, smtpd, reply, without):
    server = smtpd({"rcpt": lambda session: reply if len(session.transaction.recipients) >= 3 else None},
                   without=without)
    account.relay_through(server, security="none", connections=1)
    names = [f"r{number}@x.test" for number in range(10)]
    queue(account, *names)
    flushed(account)
    assert sorted(taken(server)) == sorted(names) and account.entries() == []
    assert [len(message.addresses) for message in server.messages] == [3, 3, 3, 1]
    assert len(server.connections) == 1 and server.violations == []


# What is under way at once.


def test_commands_go_in_groups_of_fifty(account, smtpd):
    gate = Gate()
    server = smtpd({"mail": gate})
    account.relay_through(server, security="none", recipients_per_transaction=200)
    queue(account, *(f"r{number}@x.test" for number in range(120)))
    with flush_beside(account) as flush:
        gate.wait_reached()
        session, = server.sessions
        assert server.wire[0].count(b"\r\nRCPT TO:") == 49 and unread(session) == 0
        gate.open()
        assert flush.wait(10) == 0
    assert len(taken(server)) == 120 and server.violations == []


def asleep(pid):
    """Whether a process waits, as three looks find it: in a system call for a moment would be once."""
    def state():
        time.sleep(0.001)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    return [state() for _ in range(3)] == ["S"] * 3


def test_the_next_messages_commands_come_with_the_final_dot(account, smtpd):
    ridden, running = [], []

    def look(session):  # before the dot is answered
        ridden.append(bytes(session.record.wire).endswith(b"\r\nDATA\r\n"))
        account.wait_until(lambda: running and asleep(running[0].pid), what="a flush that has handed out what it can")

    server = smtpd({"dot": look})
    account.relay_through(server, security="none", connections=1)
    queue_many(account, 20)
    with flush_beside(account) as flush:
        running.append(flush)
        assert flush.wait(20) == 0
    # The first may be sent before the flush has handed out the second; there is nothing behind the last.
    assert all(ridden[1:-1]) and len(ridden) == 20 and not ridden[-1]
    assert len(taken(server)) == 20 and server.violations == []


def settled(pid):
    """Whether a process has slept for a while without waking."""
    def switches():
        return re.search(r"voluntary_ctxt_switches:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]

    before, until = switches(), time.monotonic() + 0.3
    while time.monotonic() < until:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state != "S" or switches() != before:
            return False
        time.sleep(0.01)
    return True


def test_the_verdict_is_on_disk_before_the_next_text_leaves(account, smtpd):
    taking, next_one = Gate(), Gate()
    server = smtpd({("dot", 2): taking, ("dot", 3): next_one})
    account.relay_through(server, security="none", connections=1)
    queue_many(account, 4)
    with flush_beside(account) as flush:
        taking.wait_reached()
        flush.send_signal(signal.SIGSTOP)  # the worker is alone now
        assert statuses(account, "r1@x.test") == ["."]
        taking.open()
        next_one.wait_reached()
        assert statuses(account, "r1@x.test") == ["D"]
        flush.send_signal(signal.SIGCONT)
        next_one.open()
        assert flush.wait(10) == 0
    assert taken(server) == [f"r{number}@x.test" for number in range(4)] and account.entries() == []


def test_where_the_flush_records_no_text_leaves_before_it_has(account, smtpd):
    """Recipients that do not lie side by side in the entry are recorded by the flush."""
    taking = Gate()
    server, other = smtpd({("dot", 2): taking}), smtpd()
    account.relay_through(server, f"[smarthost other]\nhost = localhost:{other.port}\nsecurity = none\n"
                          "recipients = *@other.test\n", security="none", connections=1)
    for number in range(4):
        queue(account, f"r{number}@x.test", f"o{number}@other.test", f"s{number}@x.test")
    with flush_beside(account) as flush:
        taking.wait_reached()
        session, = server.sessions
        assert bytes(session.record.wire).endswith(b"\r\nDATA\r\n")  # of the third, with the dot of the second
        flush.send_signal(signal.SIGSTOP)  # it records nothing now
        workers = set(account.processes()) - {flush.pid}
        taking.open()
        server.wait_until(lambda: bytes(session.record.sent).endswith(b"354 go ahead\r\n")
                          and session.step == "data" and len(server.messages) == 2)
        account.wait_until(lambda: all(settled(worker) for worker in workers))
        assert bytes(session.record.wire).endswith(b"\r\nDATA\r\n") and unread(session) == 0
        flush.send_signal(signal.SIGCONT)
        assert flush.wait(10) == 0
    assert taken(server) == [f"{letter}{number}@x.test" for number in range(4) for letter in "rs"]
    assert len(other.messages) == 4 and account.entries() == []


def test_each_verdict_is_on_disk_while_the_next_message_waits(account, smtpd):
    gate = Gate()
    server = smtpd({("data", 3): gate})
    account.relay_through(server, security="none", connections=1)
    queue_many(account, 4)
    with flush_beside(account) as flush:
        gate.wait_reached()
        account.wait_until(lambda: len(account.entries()) == 2, what="two entries that are gone")
        gate.open()
        assert flush.wait(10) == 0
    assert len(server.messages) == 4


# Sessions that end.


def test_a_refusal_is_followed_by_rset_on_the_same_session(account, smtpd):
    server = smtpd({("rcpt", "r1@x.test"): "450 4.2.1 busy"})
    account.relay_through(server, security="none", connections=1)
    queue_many(account, 3)
    flushed(account)
    assert len(server.connections) == 1 and "RSET" in server.verbs and server.violations == []
    assert taken(server) == ["r0@x.test", "r2@x.test"]


@pytest.mark.parametrize("fault", [Stall(), Close(), Reset(), Close("421 4.3.2 down"), "421 4.3.2 down", Garbage()],
                         ids=["timeout", "end", "reset", "421-end", "421", "garbage"])
def test_a_session_that_fails_is_dropped_and_the_rest_goes_in_another(account, smtpd, fault):
    server = smtpd({("rcpt", "r1@x.test"): [fault]})
    account.relay_through(server, security="none", connections=1, reply_timeout="1s")
    queue_many(account, 4)
    flushed(account)
    assert taken(server) == ["r0@x.test", "r2@x.test", "r3@x.test"] and len(server.connections) == 2
    assert "QUIT" not in [line.upper() for line in server.commands[0]]  # nothing is said to it any more
    entry, = account.entries()
    assert entry.addresses == ["r1@x.test"] and entry.statuses == "."


@pytest.mark.parametrize("fault", [Close(), Reset(), Close("421 4.3.2 too long")], ids=["end", "reset", "421"])
def test_a_server_that_hangs_up_between_two_messages_refuses_neither(account, smtpd, fault):
    server = smtpd({("mail", 2): fault})
    account.relay_through(server, security="none", connections=1)
    queue_many(account, 3)
    flushed(account)
    assert sorted(taken(server)) == ["r0@x.test", "r1@x.test", "r2@x.test"] and account.entries() == []


# Several smarthosts.


def users_of(server):
    """Who tried to log in, with which password."""
    found = set()
    for line in (line for commands in server.commands for line in commands if line.startswith("AUTH PLAIN ")):
        found.add(tuple(base64.b64decode(line.split()[2]).decode().split("\0")[1:]))
    return found


def test_each_smarthost_is_told_its_own_account_only(account, smtpd, certs):
    keys = {"certificate": certs.good, "auth": "PLAIN", "require_auth": True}
    home = smtpd(passwords={"jane": "house"}, **keys)
    work = smtpd(passwords={"j.doe": "office"}, **keys)
    club = smtpd(passwords={"member": "ball"}, **keys)
    sections = ""
    for name, server, user, password, more in (
            ("", home, "jane", "house", ""), (" work", work, "j.doe", "office", "senders = @work.test"),
            (" club", club, "member", "ball", "recipients = @club.test, tom@x.test")):
        sections += (f"[smarthost{name}]\nhost = localhost:{server.port}\nuser = {user}\npassword = text {password}\n"
                     f"ca = {certs.ca}\n{more}\n")
    account.configure(f"[site]\ndomain = lan.example\n{sections}")
    for number in range(4):
        queue(account, f"r{number}@x.test")
        queue(account, f"w{number}@x.test", sender="doe@work.test")
        queue(account, f"m{number}@club.test", f"both{number}@x.test")
    queue(account, "tom@x.test", "r4@x.test")
    flushed(account)
    assert account.entries() == []
    assert sorted(taken(home)) == sorted([f"{n}{i}@x.test" for n in ("r", "both") for i in range(4)] + ["r4@x.test"])
    assert sorted(taken(work)) == [f"w{i}@x.test" for i in range(4)]
    assert sorted(taken(club)) == [f"m{i}@club.test" for i in range(4)] + ["tom@x.test"]
    assert (users_of(home), users_of(work), users_of(club)) == (
        {("jane", "house")}, {("j.doe", "office")}, {("member", "ball")})
    assert home.violations + work.violations + club.violations == []


def test_routes_lead_where_they_say(account, smtpd, certs):
    general, named = smtpd(), smtpd(certificate=certs.good, passwords={"me": "pw"}, require_auth=True)
    plain, protected = smtpd(), smtpd(certificate=certs.self_signed, passwords={"me": "pw"})
    account.relay_through(general, security="none", more=f"""
[routes]
named.test = smarthost other
plain.test = smtp:[127.0.0.1]:{plain.port}
.plain.test = smtp:[127.0.0.1]:{protected.port}
here.test = local
gone.test = error 5.1.2 550 no such place
tom@gone.test = smtp:[127.0.0.1]:{plain.port}
[smarthost other]
host = localhost:{named.port}
user = me
password = text pw
ca = {certs.ca}
recipients = nobody@x.test
""")
    queue(account, "a@x.test", "a@named.test", "a@plain.test", "a@sub.plain.test", "root@here.test", "a@gone.test",
          "tom@gone.test")
    flushed(account)
    assert [address for address in taken(general) if address != SENDER] == ["a@x.test"]
    assert [message.user for message in named.messages] == ["me"] and taken(named) == ["a@named.test"]
    assert taken(plain) == ["a@plain.test", "tom@gone.test"] and not plain.messages[0].tls
    assert taken(protected) == ["a@sub.plain.test"] and protected.messages[0].tls
    assert "AUTH" not in plain.verbs + protected.verbs
    entry, = account.entries()
    assert entry.statuses == "DDDD.BD"
    bounce, = [message for message in general.messages if message.sender == ""]
    assert bounce.addresses == [SENDER] and b"no such place" in bounce.data and b"a@gone.test" in bounce.data


# Rates.


def test_a_rate_is_kept_over_several_runs(account, smtpd):
    server = smtpd()
    account.relay_through(server, security="none", rate="3/1h")
    for count in (1, 2, 3, 3):
        queue_many(account, 1)
        flushed(account, "--all")
        assert len(server.messages) == count
    first, = [entry for entry in account.entries()]
    wait = first.path.stat().st_mtime - time.time()
    assert 3500 < wait <= 3600 and first.statuses == "."
    assert "the rate of" in (account.spool / "why" / first.id).read_text()


def test_a_short_rate_spreads_messages_within_a_run(account, smtpd):
    times = []
    server = smtpd({"mail": lambda session: times.append(time.monotonic())})
    account.relay_through(server, security="none", rate="2/1s")
    queue_many(account, 5)
    flushed(account)
    assert len(server.messages) == 5 and account.entries() == []
    assert times[2] - times[0] > 0.9 and times[4] - times[2] > 0.9


# How it connects.


class Proxy:
    """Takes one kind of request, connects to where it says, and passes everything on."""

    def __init__(self, kind):
        self.kind, self.wanted = kind, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        stream = client.makefile("rb", buffering=0)
        host, port = self.socks(client, stream) if self.kind == "socks5h" else self.connect(stream)
        self.wanted.append((host, port))
        server = socket.create_connection(("127.0.0.1", port))
        client.sendall(b"\5\0\0\1\0\0\0\0\0\0" if self.kind == "socks5h" else b"HTTP/1.1 200 fine\r\n\r\n")
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def socks(client, stream):
        """RFC 1928, a name to be looked up by the proxy."""
        _, methods = stream.read(2)
        stream.read(methods)
        client.sendall(b"\5\0")
        assert stream.read(4) == b"\5\1\0\3"
        return stream.read(stream.read(1)[0]).decode(), struct.unpack("!H", stream.read(2))[0]

    @staticmethod
    def connect(stream):
        """HTTP CONNECT."""
        lines = [stream.readline()]
        while lines[-1].strip():
            lines.append(stream.readline())
        host, _, port = lines[0].split()[1].decode().rpartition(":")
        return host, int(port)

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


@pytest.mark.parametrize("kind", ["socks5h", "http"])
def test_a_proxy_carries_the_session(account, smtpd, certs, kind):
    server = smtpd(certificate=certs.good, passwords={"me": "pw"})
    proxy = Proxy(kind)
    account.relay_through(server, user="me", password="text pw", ca=certs.ca, proxy=f"{kind}://127.0.0.1:{proxy.port}")
    queue(account, "a@x.test")
    flushed(account)
    message, = server.messages
    assert proxy.wanted == [("localhost", server.port)] and message.tls and message.user == "me"
    proxy.listener.close()


def test_without_its_proxy_nothing_goes(account, smtpd):
    server = smtpd()
    account.relay_through(server, security="none", proxy=f"socks5h://127.0.0.1:{closed_port()}")
    queue(account, "a@x.test")
    flushed(account)
    entry, = account.entries()
    assert entry.statuses == "." and server.connections == []


def test_source_address_and_name_are_the_configured_ones(account, smtpd):
    peers = []
    server = smtpd({"mail": lambda session: peers.append(session.sock.getpeername()[0])})
    account.relay_through(server, host=f"127.0.0.1:{server.port}", security="none", source="127.0.0.2",
                          helo="mobile.lan.example")
    queue(account, "a@x.test")
    flushed(account)
    assert peers == ["127.0.0.2"]
    assert {line for line in server.commands[0] if "HLO" in line or "ELO" in line} == {"EHLO mobile.lan.example"}


@pytest.mark.parametrize("tls_min, goes", [("1.2", True), ("1.3", False)])
def test_the_oldest_tls_is_the_configured_one(account, smtpd, certs, tls_min, goes):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certs.good))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    server = smtpd(certificate=context)
    account.relay_through(server, ca=certs.ca, tls_min=tls_min)
    queue(account, "a@x.test")
    flushed(account)
    assert len(server.messages) == goes and [entry.statuses for entry in account.entries()] == ([] if goes else ["."])
    assert goes or "MAIL" not in server.verbs


# Very many.


@pytest.mark.release
def test_a_hundred_thousand_recipients_each_once_in_little_memory(account, smtpd):
    peaks = {}

    def look(session):
        for pid in account.processes():
            peaks[pid] = int(re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])

    server = smtpd({"dot": look}, lifetime=300)
    account.relay_through(server, security="none", recipients_per_transaction=1000)
    names = [f"r{number}@x.test" for number in range(100_000)]
    done = account.sendmail("-odq", "-t", "-f", SENDER, input="Bcc: " + ",\n ".join(names) + "\nSubject: x\n\nhi\n")
    assert (done.returncode, done.stderr) == (0, b"")
    done = account.flush("--config", account.config, timeout=300)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(taken(server)) == sorted(names) and account.entries() == []
    assert peaks and max(peaks.values()) < 60_000, peaks
    print(f"memory at its height, kB: {sorted(peaks.values())}, {len(server.connections)} sessions")
