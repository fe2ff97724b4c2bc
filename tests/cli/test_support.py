"""The tests' own servers, worlds and readers do what the other tests rely on."""

import os
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support import entries
from support.account import Account
from support.entries import SAMPLE
from support.pty_session import PtySession, seen
from support.smtp_client import TEXT, client, read_to_end, send, talk, trusting
from support.smtpd import (Close, CloseAfter, Delay, Drip, Garbage, Gate, OnConnection, Raw,
                           Reply, Reset, Stall, closed_port)

SINK = Path(__file__).resolve().parents[1] / "support/smtpd.py"
PASSWORDS = {"me": "pw"}


def talked(server, *parts):
    replies = talk(server, *parts)
    server.wait_for_connections(1)
    return replies


def status(sending):
    """The code that a message got."""
    try:
        sending()
    except smtplib.SMTPResponseException as error:
        return error.smtp_code
    return 250


# The scripted server: the protocol.


def test_smtpd_records_a_message_exactly(smtpd):
    server = smtpd()
    with client(server) as smtp:
        smtp.ehlo()
        smtp.mail("a@x.test", ["SIZE=33", "BODY=8BITMIME"])
        smtp.rcpt("b@x.test", ["NOTIFY=NEVER"])
        smtp.data(TEXT)
    message, = server.wait_for(1)
    assert message.sender == "a@x.test" and message.sender_params == {"SIZE": "33", "BODY": "8BITMIME"}
    assert message.recipients == [("b@x.test", {"NOTIFY": "NEVER"})]
    assert message.data == TEXT.encode()
    assert (message.user, message.tls, message.connection) == (None, False, 1)
    server.wait_for_connections(1)
    assert b"\r\n\r\n..dotted\r\n...\r\nend\r\n.\r\n" in server.wire[0]
    assert server.verbs == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
    assert server.violations == []


def test_smtpd_offers_what_it_is_told(smtpd):
    with client(smtpd(offers=["SIZE 1000", "8BITMIME"])) as smtp:
        smtp.ehlo()
        assert smtp.esmtp_features == {"size": "1000", "8bitmime": ""}
    with client(smtpd(without=["DSN", "PIPELINING"])) as smtp:
        smtp.ehlo()
        assert not {"dsn", "pipelining"} & set(smtp.esmtp_features)


def test_smtpd_starttls_and_auth(smtpd, certs):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS, auth="PLAIN LOGIN CRAM-MD5", require_auth=True)
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        with client(server) as smtp:
            smtp.ehlo()
            assert smtp.has_extn("starttls") and not smtp.has_extn("auth")
            smtp.starttls(context=trusting(certs))
            smtp.ehlo()
            assert not smtp.has_extn("starttls")
            smtp.user, smtp.password = "me", "pw"
            method = getattr(smtp, "auth_" + mechanism.lower().replace("-", "_"))
            assert smtp.auth(mechanism, method, initial_response_ok=mechanism != "LOGIN")[0] == 235
            smtp.sendmail("a@x.test", ["b@x.test"], TEXT)
    assert [(message.user, message.tls) for message in server.wait_for(3)] == [("me", True)] * 3
    assert server.violations == []
    assert server.connections[0].plain_wire == b"ehlo client.test\r\nSTARTTLS\r\n"


def test_smtpd_implicit_tls(smtpd, certs):
    server = smtpd(certificate=certs.good, implicit_tls=True, passwords=PASSWORDS)
    with smtplib.SMTP_SSL("localhost", server.port, context=trusting(certs), timeout=5) as smtp:
        smtp.login("me", "pw")
        smtp.sendmail("a@x.test", ["b@x.test"], TEXT)
    assert server.wait_for(1)[0].tls


def test_smtpd_refuses_a_wrong_password(smtpd):
    server = smtpd(passwords=PASSWORDS)
    with client(server) as smtp, pytest.raises(smtplib.SMTPAuthenticationError):
        smtp.login("me", "wrong")
    assert server.violations == ["connection 1: AUTH without TLS"]


@pytest.mark.parametrize("name", ["self_signed", "expired", "wrong_name", "foreign"])
def test_bad_certificates_are_bad(smtpd, certs, name):
    server = smtpd(certificate=getattr(certs, name))
    with client(server) as smtp, pytest.raises(ssl.SSLCertVerificationError):
        smtp.starttls(context=trusting(certs))
    server.wait_for_connections(1)
    assert server.connections[0].tls_error


def test_smtpd_takes_pipelines(smtpd):
    server = smtpd()
    talked(server, b"EHLO me\r\n", (b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n", b"354 "),
           (b"hi\r\n.\r\nMAIL FROM:<c@x.test>\r\nRSET\r\nQUIT\r\n", b"221 "))
    assert len(server.messages) == 1 and server.verbs[-3:] == ["MAIL", "RSET", "QUIT"]
    assert server.violations == []


@pytest.mark.parametrize("parts, violation", [
    ([b"EHLO me\n"], "bare LF"),
    ([b"EHLO me\rx\r\n"], "bare CR"),
    ([b"EHLO me\r\nNOOP\r\n"], "input before the reply to ehlo"),
    ([b"EHLO me\r\n", b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"], "input before the reply to mail"),
    ([b"EHLO me\r\n", b"MAIL FROM:<a@x.test> RET=HDRS\r\n"], "parameter RET not offered"),
    ([b"EHLO me\r\n", b"MAIL FROM:<\xc3\xa4@x.test>\r\n"], "8-bit address without SMTPUTF8"),
])
def test_smtpd_notes_violations(smtpd, parts, violation):
    server = smtpd(without=["PIPELINING", "DSN"])
    talked(server, *parts)
    assert f"connection 1: {violation}" in server.violations


@pytest.mark.parametrize("text, params, violation", [
    (b"x" * 999 + b"\r\n", b"", "line over 1000 octets"),
    (b"\xc3\xa4\r\n", b"", "8-bit without BODY=8BITMIME"),
    (b"a\nb\r\n", b"", "bare LF"),
    (b"a\rb\r\n", b"", "bare CR"),
    (b"a\0b\r\n", b"", "NUL in the text"),
    (b"abc\r\n", b" SIZE=2", "message larger than its SIZE="),
    (b"x" * 998 + b"\r\n", b"", None),
    (b"\xc3\xa4\r\n", b" BODY=8BITMIME", None),
    (b"a\n.\nb\r\n", b"", "bare LF"),
])
def test_smtpd_judges_the_text(smtpd, text, params, violation):
    server = smtpd()
    talked(server, b"EHLO me\r\n", b"MAIL FROM:<a@x.test>" + params + b"\r\n", b"RCPT TO:<b@x.test>\r\n",
           b"DATA\r\n", text + b".\r\n")
    assert server.violations == ([f"connection 1: {violation}"] if violation else [])
    assert server.messages[0].data == text


# The scripted server: faults.


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize("action, error", [
    (Close(), smtplib.SMTPServerDisconnected), (Close("421 4.3.2 down"), smtplib.SMTPException),
    (Reset(), (ConnectionResetError, smtplib.SMTPServerDisconnected)), ("451 4.3.0 later", smtplib.SMTPException),
    (Reply(550, ["5.0.0 no", "and no"]), smtplib.SMTPException)])
def test_faults_at_each_step(smtpd, step, action, error):
    server = smtpd({step: action})
    with pytest.raises(error):
        with client(server) as smtp:
            smtp.ehlo_or_helo_if_needed()
            smtp.sendmail("a@x.test", ["b@x.test"], TEXT)
    assert server.messages == []


def test_reset_is_a_reset_and_close_is_not(smtpd):
    for action, expected in ((Reset(), ConnectionResetError), (Close(), None)):
        with socket.create_connection(("127.0.0.1", smtpd({"greeting": action}).port), timeout=5) as sock:
            if expected:
                # The reset may be here before the first byte is written.
                with pytest.raises(expected):
                    sock.sendall(b"EHLO early\r\n")
                    assert sock.recv(100) == b"never"
            else:
                sock.sendall(b"EHLO early\r\n")
                assert sock.recv(100) == b""


def test_recipients_by_address_and_number(smtpd):
    server = smtpd({("rcpt", "tmp@x.test"): "450 4.2.1 busy", ("rcpt", 3): Reply(550, ["no", "such"])})
    refused = send(server, ["good@x.test", "tmp@x.test", "bad@x.test"])
    assert refused == {"tmp@x.test": (450, b"4.2.1 busy"), "bad@x.test": (550, b"no\nsuch")}
    assert server.wait_for(1)[0].addresses == ["good@x.test"]


def test_once_only_and_by_connection(smtpd):
    server = smtpd({"mail": ["451 once"], "dot": OnConnection({3: "452 third"})})
    assert [status(lambda: send(server)) for _ in range(4)] == [451, 250, 452, 250]
    assert len(server.wait_for(2)) == 2


def test_the_nth_message_of_a_connection(smtpd):
    server = smtpd({("mail", 2): "451 not the second", ("dot", 2): "452 nor the third"})
    with client(server) as smtp:
        codes = [status(lambda: smtp.sendmail("a@x.test", ["b@x.test"], TEXT)) for _ in range(4)]
    assert codes == [250, 451, 452, 250]


@pytest.mark.parametrize("reply, expected", [
    (Reply(250), b"250\r\n"), (Reply(250, ["a", "b"]), b"250-a\r\n250 b\r\n"), (Reply(250, ["x"] * 3000), b"250-x"),
    (Raw(b"250 a\x1b[2Jb\x00\r\n"), b"250 a\x1b[2Jb\x00\r\n"), (Garbage(b"\xff\xfe\n"), b"\xff\xfe\n"),
    (Delay(0.05), b"250 2.0.0 nothing\r\n"), (Delay(0.05, "451 no"), b"451 no\r\n"),
    (Drip("451 no", interval=0.005), b"451 no\r\n"), (lambda session: f"250 {session.record.helo}", b"250 me\r\n")])
def test_replies_of_any_form(smtpd, reply, expected):
    server = smtpd({"noop": reply})
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        sock.sendall(b"EHLO me\r\nNOOP\r\nQUIT\r\n")
        replies = read_to_end(sock)
    assert expected in replies and replies.endswith(b"221 2.0.0 bye\r\n")


def test_stall_answers_nothing_and_ends_with_the_server(smtpd):
    server = smtpd({"dot": Stall()})
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        sock.sendall(b"EHLO me\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\nhi\r\n.\r\n")
        server.wait_until(lambda: server.sessions and server.sessions[0].step == "dot")
        server.stop()
        replies = read_to_end(sock)
        assert replies.endswith(b"354 go ahead\r\n")
    assert server.messages == [] and not [t for t in threading.enumerate() if t.name == "smtpd"]


@pytest.mark.parametrize("action", [Close(), Reset(), Stall()])
def test_faults_in_the_body(smtpd, action):
    server = smtpd({("body", 100_000): action})
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.3) as sock:
        sock.sendall(b"EHLO me\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
        with pytest.raises(OSError):  # for Stall the time-out of a full pipe
            for _ in range(100_000):
                sock.sendall(b"x" * 98 + b"\r\n")
    server.wait_for_connections(1)
    assert server.messages == []
    assert len(server.wire[0]) >= 100_000


def test_close_after_takes_the_message_but_never_says_so(smtpd):
    server = smtpd({"dot": [CloseAfter()]})
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(server)
    send(server)
    assert [message.connection for message in server.wait_for(2)] == [1, 2]


def test_a_gate_holds_until_the_test_opens_it(smtpd):
    gate = Gate("452 full")
    server = smtpd({"dot": gate})
    results = []

    thread = threading.Thread(target=lambda: results.append(status(lambda: send(server))))
    thread.start()
    gate.wait_reached()
    assert results == []
    gate.open()
    thread.join()
    assert results == [452]


@pytest.mark.parametrize("script, error", [
    ({"starttls": "454 4.7.0 no"}, smtplib.SMTPResponseException), ({"tls": Close()}, (ssl.SSLError, OSError)),
    ({"tls": Reset()}, OSError), ({"tls": Garbage()}, ssl.SSLError),
    ({"ehlo2": "502 no"}, smtplib.SMTPException), ({"ehlo2": Close()}, smtplib.SMTPServerDisconnected)])
def test_faults_around_tls(smtpd, certs, script, error):
    server = smtpd(script, certificate=certs.good, require_tls=True)
    with pytest.raises(error):
        with client(server) as smtp:
            assert smtp.starttls(context=trusting(certs))[0] == 220 or smtp.rset()
            smtp.sendmail("a@x.test", ["b@x.test"], TEXT)
    assert "MAIL" not in server.verbs


def test_text_injected_before_tls_arrives_in_one_packet(smtpd, certs):
    server = smtpd({"starttls": b"220 go\r\n250 injected\r\n"}, certificate=certs.good)
    assert b"220 go\r\n250 injected\r\n" in talk(server, b"EHLO me\r\n", b"STARTTLS\r\n")


@pytest.mark.parametrize("script", [{"auth": "454 4.7.0 later"}, {("auth", "PLAIN"): "535 5.7.8 no"},
                                    {"challenge": Close()}])
def test_faults_at_auth(smtpd, script):
    server = smtpd(script, passwords=PASSWORDS, auth="LOGIN" if "challenge" in script else "PLAIN")
    with pytest.raises(smtplib.SMTPException):
        with client(server) as smtp:
            smtp.login("me", "pw", initial_response_ok=False)
    assert server.connections[0].user is None


def test_an_unknown_step_is_a_mistake_of_the_test(smtpd):
    with pytest.raises(ValueError):
        smtpd({"recipient": "550 no"})


def test_nobody_listens_on_a_closed_port():
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", closed_port()), timeout=5)


def test_the_sink_shows_messages_and_ends(tmp_path):
    port_file = tmp_path / "port"
    with subprocess.Popen([sys.executable, "-B", SINK, "--port-file", port_file, "--sink", tmp_path / "mail",
                           "--count", "1", "--timeout", "20"], stdout=subprocess.PIPE, text=True) as sink:
        port = int(sink.stdout.readline().rpartition(":")[2])
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as smtp:
            smtp.sendmail("a@x.test", ["b@x.test"], "Subject: hi\r\n\r\n\x1b[2Jthere\r\n")
        shown = sink.stdout.read()
    assert sink.returncode == 0 and port_file.read_text() == f"{port}\n"
    assert shown == ("--- message 1 (no TLS, 26 bytes)\n    from  <a@x.test>\n    to    <b@x.test>\n"
                     "    | Subject: hi\n    | \n    | \\x1b[2Jthere\n")
    assert (tmp_path / "mail/0001.eml").read_bytes() == b"Subject: hi\r\n\r\n\x1b[2Jthere\r\n"


# The real server.


def test_postfix_takes_authenticated_mail_over_starttls(postfix, certs):
    with client(postfix) as smtp:
        with pytest.raises(smtplib.SMTPResponseException):
            smtp.sendmail("a@x.test", ["b@x.test"], TEXT)
        smtp.starttls(context=trusting(certs))
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            smtp.sendmail("a@x.test", ["b@x.test"], TEXT)
        assert sorted(smtp.esmtp_features["auth"].split()) == [
            "CRAM-MD5", "LOGIN", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"]
        smtp.login(postfix.user, postfix.password)
        smtp.sendmail("a@x.test", ["b@x.test"], TEXT)
    message, = postfix.wait_for(1)
    assert message.startswith(b"Return-Path: <a@x.test>\n") and message.endswith(b"\n\n.dotted\n..\nend\n")
    assert "status=sent" in postfix.log()


def test_postfix_takes_authenticated_mail_over_tls(postfix, certs):
    with smtplib.SMTP_SSL("localhost", postfix.tls_port, context=trusting(certs), timeout=5) as smtp:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login(postfix.user, "wrong")
        smtp.login(postfix.user, postfix.password)
        smtp.sendmail("a@x.test", ["b@x.test", "c@y.test"], TEXT)
    assert len(postfix.wait_for(2)) == 2


# Worlds.


def test_a_world_has_its_own_names_users_and_mail(world):
    inside = world(users=["jane", ("tom", 7000)], mailname="lan.example", system_users=["postbag"])
    show = "id -un; id -u tom; hostname -f; cat /etc/mailname; pwd; cat; echo $X; ls -A /var/mail"
    done = inside.run(["sh", "-c", show], user="jane", input=b"given\n", env={"X": "set"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "jane\n7000\nbox.lan.example\nlan.example\n/home/jane\ngiven\nset\n"
    assert inside.run(["sh", "-c", "exit 7"]).returncode == 7
    assert inside.run(["id", "postbag"]).returncode == 0


def test_a_world_leaves_the_machine_alone(world):
    inside = world()
    inside.run(["sh", "-c", "touch /etc/w1 /usr/w1 /var/w1 /root/w1 /home/w1; chmod 0 /dev"])
    inside.path("/etc/aliases").write_text("jane: tom\n")
    assert inside.run(["cat", "/etc/aliases"]).stdout == b"jane: tom\n"
    assert inside.path("/etc/w1").exists()
    assert not [path for path in ("/etc/w1", "/usr/w1", "/var/w1", "/root/w1", "/home/w1") if Path(path).exists()]
    assert os.stat("/dev").st_mode & 0o777


def test_a_world_records_syslog(world):
    inside = world()
    assert inside.syslog == []
    inside.run(["logger", "-p", "mail.info", "-t", "postbag/smtp", "status=sent"], user="jane")
    line, = inside.syslog
    assert line.startswith("<22>") and line.endswith("postbag/smtp: status=sent")
    assert inside.wait_for_syslog("status=") == line


def test_a_world_has_a_network_of_its_own(world, smtpd):
    inside = world()
    outside = smtpd()
    probe = "import socket,sys;print(socket.create_connection(('127.0.0.1',int(sys.argv[1])),5).recv(3))"
    assert inside.run(["/usr/bin/python3", "-c", probe, outside.port]).returncode == 1
    server = smtpd(listener=inside.listener())
    assert inside.run(["/usr/bin/python3", "-c", probe, server.port]).stdout == b"b'220'\n"


def test_nothing_outlives_a_world(world):
    inside = world()
    assert inside.processes() == []
    inside.run(["sh", "-c", "setsid sleep 300 >/dev/null 2>&1 </dev/null &"], user="jane")
    pids = inside.processes()
    assert pids
    inside.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}/cwd").exists()]


# Accounts, entries, terminals.

STAND_IN = """#!/bin/sh
case $0 in
*sendmail) test "$1" = -bs && printf '220 hi\\r\\n' && read verb name && printf "250 $name" && exit 5
  cat; echo "$@" "$POSTBAG_CONFIG" $(pwd); exit 3;;
*postbag-flush) trap 'exit 0' TERM; while :; do sleep 0.02; done;;
esac
"""


@pytest.fixture
def stand_in(tmp_path):
    """An account whose programs are a shell script."""
    programs = {}
    for name in ("sendmail", "postbag-flush"):
        programs[name] = tmp_path / name
        programs[name].write_text(STAND_IN)
        programs[name].chmod(0o755)
    made = Account(tmp_path / "account", programs)
    yield made
    made.stop_processes()


def test_an_account_runs_programs_in_its_place(stand_in):
    done = stand_in.sendmail("-t", input=b"hi ")
    assert done.returncode == 3
    assert done.stdout.decode() == f"hi -t {stand_in.config} {stand_in.work}\n"
    assert os.listdir(stand_in.work) == []


def test_an_account_speaks_with_a_session(stand_in):
    session = stand_in.session()
    assert session.ehlo() == (250, b"client.test")
    assert session.finish() == 5


def test_an_account_names_its_spool_in_every_configuration(stand_in):
    line = f"directory = {stand_in.spool}\n"
    local = f"\n[local]\nmailbox = {stand_in.mail}/%u\n"
    assert stand_in.config.read_text() == f"[site]\ndomain = lan.example\n\n[spool]\n{line}{local}"
    stand_in.configure({"spool": {"lifetime": "2d"}, "site": {"domain": "x.test"}})
    assert stand_in.config.read_text() == f"[spool]\n{line}lifetime = 2d\n\n[site]\ndomain = x.test\n{local}"
    elsewhere = "[spool]\ndirectory = /elsewhere\n\n[local]\nmailbox = ~/Maildir/\n"
    stand_in.configure(elsewhere)
    assert stand_in.config.read_text() == elsewhere
    stand_in.relay_through(2525, security="none")
    assert "[smarthost]\nhost = localhost:2525\nsecurity = none\n" in stand_in.config.read_text()
    assert stand_in.config.stat().st_mode & 0o777 == 0o600


def test_an_account_ends_its_own_flushes_only(stand_in):
    flush = [stand_in.programs["postbag-flush"], "--config"]
    with subprocess.Popen([*flush, stand_in.config]) as own, subprocess.Popen([*flush, "/other.ini"]) as other:
        stand_in.wait_until(lambda: stand_in.processes() == [own.pid])
        threading.Thread(target=own.wait).start()
        stand_in.stop_processes()
        assert stand_in.processes() == [] and other.poll() is None
        other.terminate()


def test_entries_are_read_back(stand_in):
    queue = stand_in.spool / "queue"
    queue.mkdir(parents=True)
    path = queue / f"1HAB3CDEF0123GV.2-{len(SAMPLE)}"
    path.write_bytes(SAMPLE)
    entry, = stand_in.entries()
    assert (entry.id, entry.generation, entry.size, entry.uid) == ("1HAB3CDEF0123GV", 2, len(SAMPLE), 1000)
    assert entry.senders == {0: ("a b@x.test", {"ret": "hdrs", "envid": "Q1"}), 1: ("", {})}
    assert entry.sender == "a b@x.test" and entry.facts["lines"] == "0000000002"
    assert entry.addresses == ["root", "jane>@x.test", "|cat %"]
    second = entry.recipients[1]
    assert second.params == {"notify": "never", "orcpt": "rfc822;j@x.test"}
    assert (second.kind, second.sender, second.original, second.status) == ("s", 0, "Jane@x.test", "D")
    assert entry.message == b"Subject: x\n\nbody\n" and entry.body == b"body\n"
    path.unlink()
    stand_in.wait_until_empty()


def test_a_cut_entry_is_noticed(tmp_path):
    path = tmp_path / f"1HAB3CDEF0123GV.2-{len(SAMPLE)}"
    path.write_bytes(SAMPLE[:-1])
    with pytest.raises(AssertionError):
        entries.parse(path)


def test_a_terminal_shows_and_takes(tmp_path):
    script = "test -t 0 && stty size && printf 'name? ' && read name && echo \"hello $name\" && exit 4"
    with PtySession(["sh", "-c", script], cwd=tmp_path, rows=30, columns=90) as session:
        assert session.expect(b"? ") == b"30 90\nname? "
        session.send(b"jane\n")
        assert session.finish() == b"jane\nhello jane\n"
        assert session.status == 4


def test_a_terminal_is_hung_up_in_the_end():
    with PtySession(["sh", "-c", "trap '' HUP; echo on; while :; do read x || sleep 0.1; done"]) as session:
        session.expect(b"on")
    assert session.status is not None
    assert seen(b"a\x1b[1mb\x1b[0mc\x08d\a\r\n") == b"abd\n"
