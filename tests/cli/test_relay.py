"""The main job: what a program hands to sendmail arrives at the smarthost, and whatever goes wrong is only a delay."""

import quopri
import subprocess
import time
from pathlib import Path

import pytest
from support import entries
from support.installed import give, install
from support.smtpd import Close, Stall, closed_port

MESSAGE = b"Subject: hi\n\nhello\n.dot\n..\n\n" + "caf\u00e9 \u20ac\n".encode() + b"\tlast line \n"
BODY = MESSAGE.partition(b"\n\n")[2]
PASSWORDS = {"me": "open sesame"}


def why(account):
    """The reasons that wait in why/, as one text."""
    return "".join(path.read_text() for path in sorted(Path(account.spool, "why").glob("*")))


def secret_file(account, text="open sesame\n", mode=0o600):
    path = account.folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def queue_one(account, *recipients, text=MESSAGE):
    done = account.sendmail("-odq", *(recipients or ["bob@example.org"]), input=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def flushed(account, *arguments):
    done = account.flush(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def relay_with_password(account, server, certs, user="me", **more):
    account.relay_through(server, user=user, password=f"file {secret_file(account)}", ca=certs.ca, **more)


def waits(account, statuses="."):
    """The one entry still waits: nothing bounced, nothing lost."""
    entry, = account.entries()
    assert entry.statuses == statuses and not list(Path(account.spool, "bad").iterdir())
    return entry


# On real input.


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_real_postfix_has_the_message_once_byte_for_byte(account, postfix, certs, security):
    port = postfix.tls_port if security == "tls" else postfix.port
    account.config.write_text(
        f"[spool]\ndirectory = {account.spool}\n"
        f"[smarthost]\nhost = localhost:{port}\nsecurity = {security}\nuser = {postfix.user}\n"
        f"password = file {secret_file(account, postfix.password)}\nca = {certs.ca}\n")
    account.sendmail("-bp")  # the programs are in memory, as on a machine that runs
    start = time.monotonic()
    done = account.sendmail("bob@example.org", input=b"Subject: hi\n\nhello\n")
    took = time.monotonic() - start
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert took < 1  # it waits for no network
    message, = postfix.wait_for(1)
    assert message.partition(b"\n\n")[2] == b"hello\n" and b"\nSubject: hi\n" in message
    assert b"\nX-Original-To: bob@example.org\n" in message
    account.wait_until_empty()
    account.wait_until_idle()
    assert len(postfix.messages()) == 1
    assert not list(Path(account.spool, "why").iterdir()) and not list(Path(account.spool, "bad").iterdir())
    assert "sasl_username=me@smarthost.test" in postfix.log()


def test_a_difficult_text_reaches_a_real_postfix_unchanged(account, postfix, certs):
    relay_with_password(account, postfix, certs, user=postfix.user)
    body = MESSAGE + b"." * 998 + b"\n.\n\n..\nFrom here\n" + b"x" * 300_000 + b"\nend without line end\n"
    done = account.sendmail("bob@example.org", input=b"Subject: x\nMIME-Version: 1.0\nContent-Type: text/plain;"
                            b" charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + MESSAGE)
    assert done.returncode == 0
    message, = postfix.wait_for(1)
    assert message.partition(b"\n\n")[2] == MESSAGE
    postfix.clear()
    # A line that no SMTP line holds comes in quoted-printable and means the same.
    assert account.sendmail("bob@example.org", input=b"Subject: y\n\n" + body).returncode == 0
    message, = postfix.wait_for(1)
    assert b"\nContent-Transfer-Encoding: quoted-printable\n" in message
    assert quopri.decodestring(message.partition(b"\n\n")[2]) == body


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_both_mechanisms_log_in(account, smtpd, certs, mechanism):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS, auth=mechanism, require_auth=True)
    relay_with_password(account, server, certs)
    queue_one(account)
    flushed(account)
    message, = server.wait_for(1)
    assert (message.user, message.tls, message.addresses) == ("me", True, ["bob@example.org"])
    assert message.data.partition(b"\r\n\r\n")[2] == BODY.replace(b"\n", b"\r\n")
    assert server.violations == [] and account.entries() == []
    assert b"open sesame" not in server.connections[0].plain_wire


@pytest.mark.parametrize("wanted, used", [("login plain", "LOGIN"), ("plain, login", "PLAIN")])
def test_the_order_of_mechanisms_is_the_configurations(account, smtpd, certs, wanted, used):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS)
    relay_with_password(account, server, certs, auth=wanted)
    queue_one(account)
    flushed(account)
    assert [line.split()[1] for line in server.commands[0] if line.startswith("AUTH")] == [used]


def test_one_session_takes_many_messages_in_their_order(account, smtpd):
    server = smtpd()
    account.relay_through(server, security="none", connections=1)
    for number in range(20):
        queue_one(account, f"r{number}@example.org")
    flushed(account)
    assert [message.addresses for message in server.messages] == [[f"r{number}@example.org"] for number in range(20)]
    assert len(server.connections) == 1 and server.verbs.count("EHLO") <= 2 and server.violations == []
    assert account.entries() == []


# Results for each recipient.


@pytest.mark.parametrize("without", [(), ("PIPELINING",)], ids=["pipelined", "one-by-one"])
def test_each_recipient_has_its_own_result(account, smtpd, without):
    server = smtpd({("rcpt", "tmp@x.test"): "450 4.2.1 busy", ("rcpt", "bad@x.test"): "550 5.1.1 no such user"},
                   without=without)
    account.relay_through(server, security="none")
    queue_one(account, "a@x.test", "tmp@x.test", "bad@x.test", "b@x.test")
    flushed(account)
    message, = server.messages
    assert message.addresses == ["a@x.test", "b@x.test"] and server.violations == []
    entry, bounce = account.entries()
    assert entry.statuses == "D.BD"
    reasons = why(account)
    assert "\n1 4.2.1 host localhost[127.0.0.1]:" in reasons and "said: 450 4.2.1 busy (in reply to RCPT TO" in reasons
    assert bounce.sender == "" and bounce.addresses == [entry.sender] and b"550 5.1.1 no such user" in bounce.message
    # Who has it is not sent it again, and nobody is told twice.
    server.script = type(server.script)({})
    flushed(account, "--all")
    assert [each.addresses for each in server.messages] == [["a@x.test", "b@x.test"], ["tmp@x.test"]]
    assert [each.id for each in account.entries()] == [bounce.id]


@pytest.mark.parametrize("script, reason", [
    pytest.param({step: reply}, f"{status} host localhost", id=f"{step}-{reply[:3]}")
    for step in ("mail", "rcpt", "data", "dot")
    for reply, status in (("451 4.3.0 later", "4.3.0"), ("530 5.7.0 log in", "4.7.0"))])
def test_a_refused_message_waits_with_its_reason(account, smtpd, script, reason):
    server = smtpd(script)
    account.relay_through(server, security="none")
    queue_one(account)
    flushed(account)
    waits(account)
    assert f"\n0 {reason}" in why(account) and server.messages == []
    assert server.violations == []


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt", "data", "body", "dot"])
@pytest.mark.parametrize("fault", ["close", "421", "stall"])
def test_a_lost_connection_is_a_delay(account, smtpd, step, fault):
    action = {"close": Close(), "421": Close("421 4.3.2 going down"), "stall": Stall()}[fault]
    server = smtpd({(step, 1) if step != "body" else ("body", 100): action})
    account.relay_through(server, security="none", connect_timeout="1s", reply_timeout="1s", data_timeout="1s",
                          dot_timeout="1s")
    text = b"Subject: x\n\n" + (b"x" * 70 + b"\n") * (50_000 if step == "body" else 1)
    queue_one(account, text=text)
    flushed(account)
    waits(account)
    assert server.messages == [] and "\n0 4." in why(account)
    # Next time all is well again.
    server.script = type(server.script)({})
    flushed(account, "--all")
    assert len(server.messages) == 1 and account.entries() == []


def test_a_reply_lost_after_the_final_dot_waits_a_quarter_of_an_hour(account, smtpd):
    server = smtpd({"dot": [Close()]})
    account.relay_through(server, security="none")
    queue_one(account)
    before = time.time()
    flushed(account)
    entry = waits(account)
    assert "after the final dot: it is not known whether the message was taken" in why(account)
    assert 15 * 60 <= entry.path.stat().st_mtime - before <= 18 * 60 + 60
    flushed(account)
    assert len(server.connections) == 1  # not due


# Faults of ours: nothing bounces, nothing goes in clear.


@pytest.mark.parametrize("certificate, more, reason", [
    ("self_signed", {}, "self-signed certificate"),
    ("expired", {}, "certificate has expired"),
    ("wrong_name", {}, "no alternative certificate subject name matches target host name 'localhost'"),
    ("nul", {}, "no alternative certificate subject name matches target host name 'localhost'"),
    ("nul_in_cn", {}, "illegal cert name field"),
    ("foreign", {}, "unable to get local issuer certificate"),
    ("good", {"ca": None}, "unable to get local issuer certificate"),
    ("good", {"ca": "/none/such.pem"}, "error setting certificate file"),
    ("good", {"pin": "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "public key does not match pinned"),
])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_right_delays(account, smtpd, certs, certificate, more, reason, security):
    server = smtpd(certificate=getattr(certs, certificate), implicit_tls=security == "tls", passwords=PASSWORDS)
    settings = {"ca": certs.ca, "security": security, **more}
    account.relay_through(server, user="me", password=f"file {secret_file(account)}",
                          **{key: value for key, value in settings.items() if value})
    queue_one(account)
    flushed(account)
    waits(account)
    assert reason in why(account), why(account)
    server.wait_for_connections(1)
    assert not {"AUTH", "MAIL"} & set(server.verbs) and b"open sesame" not in b"".join(server.wire)


@pytest.mark.parametrize("script, settings, reason", [
    pytest.param({}, {"certificate": None}, "STARTTLS not supported", id="not-offered"),
    pytest.param({"starttls": "454 4.7.0 not now"}, {}, "STARTTLS denied", id="refused"),
    pytest.param({"starttls": b"220 go\r\n250 AUTH PLAIN\r\n"}, {}, "", id="injected"),
    pytest.param({"tls": Close()}, {}, "", id="no-handshake"),
    pytest.param({"ehlo2": "502 5.5.1 no"}, {}, "Remote access denied: 502 (the server said: 502 5.5.1 no)",
                 id="ehlo-in-tls"),
])
def test_without_tls_nothing_is_said(account, smtpd, certs, script, settings, reason):
    server = smtpd(script, **{"certificate": certs.good, "passwords": PASSWORDS, "auth_in_clear": True, **settings})
    relay_with_password(account, server, certs)
    queue_one(account)
    flushed(account)
    waits(account)
    assert reason in why(account) and "\n0 4.4.2 " in why(account)
    server.wait_for_connections(1)
    assert not {"AUTH", "MAIL"} & set(server.verbs)


@pytest.mark.parametrize("script, settings, reason", [
    pytest.param({}, {"passwords": {"me": "another"}}, "535 5.7.8 bad credentials", id="wrong-password"),
    pytest.param({"auth": "454 4.7.0 later"}, {}, "454 4.7.0 later", id="temporary"),
    pytest.param({"auth": "550 5.7.1 banned"}, {}, "550 5.7.1 banned", id="refused"),
    pytest.param({}, {"auth": "GSSAPI"}, "offers no mechanism of ours (offered: gssapi)", id="none-of-ours"),
    pytest.param({}, {"without": ["AUTH"]}, "offers no mechanism of ours (offered: none)", id="no-auth"),
])
def test_a_login_that_fails_delays_and_is_tried_once_a_run(account, smtpd, certs, script, settings, reason):
    server = smtpd(script, **{"certificate": certs.good, "passwords": PASSWORDS, **settings})
    relay_with_password(account, server, certs)
    for _ in range(3):
        queue_one(account)
    flushed(account)
    assert [entry.statuses for entry in account.entries()] == [".", ".", "."]
    assert why(account).count(reason) == 3, why(account)
    assert "open sesame" not in why(account) and len(server.connections) == 1
    assert "MAIL" not in server.verbs and server.verbs.count("AUTH") <= 1


def test_no_smarthost_and_no_server_are_delays(account):
    queue_one(account)
    flushed(account)
    waits(account)
    assert "\n0 4.4.4 no smarthost is configured\n" in why(account)
    account.relay_through(closed_port(), security="none")
    flushed(account, "--all")
    assert "Connection refused" in why(account)
    account.configure("[smarthost]\nhost = no-such-host.invalid\n")
    flushed(account, "--all")
    waits(account)
    assert "connect to no-such-host.invalid:587: Could not resolve host" in why(account)


def test_hosts_are_tried_in_order(account, smtpd):
    refusing, taking, third = smtpd({"greeting": "421 4.3.2 busy"}), smtpd(), smtpd()
    hosts = ", ".join(f"localhost:{port}" for port in (closed_port(), refusing.port, taking.port, third.port))
    account.relay_through(0, host=hosts, security="none")
    queue_one(account)
    flushed(account)
    assert len(taking.messages) == 1 and len(refusing.connections) == 1 and not third.connections
    assert account.entries() == []


# Where the password comes from.


def wait_for_login(account, server):
    queue_one(account)
    flushed(account)
    message, = server.wait_for(1)
    assert message.user == "me" and account.entries() == []


@pytest.mark.parametrize("password", ["file {file}", "command cat {file}", "text open sesame", "credential smtp"])
def test_the_password_comes_from(account, smtpd, certs, password):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS)
    path = secret_file(account)
    path.rename(account.folder / "smtp")
    account.env["CREDENTIALS_DIRECTORY"] = str(account.folder)
    account.relay_through(server, user="me", password=password.format(file=account.folder / "smtp"), ca=certs.ca)
    wait_for_login(account, server)


def test_the_password_comes_from_netrc(world, smtpd, programs, certs):
    place = world(users=["jane"])
    server = smtpd(listener=place.listener(), certificate=certs.good, passwords={"me": "sesame"})
    give(place, "jane", {
        ".netrc": "machine other login me password x\nmachine localhost\n\tlogin me\n\tpassword sesame\n",
        ".config/postbag/postbag.ini": f"[smarthost]\nhost = localhost:{server.port}\nuser = me\n"
        "password = netrc\nca = ~/ca.pem\n",
        "ca.pem": certs.ca.read_text()})
    done = place.run([install(place, programs)["sendmail"], "bob@example.org"], user="jane", input=MESSAGE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert server.wait_for(1)[0].user == "me"
    place.wait_for_syslog("removed")


def test_no_secret_stands_in_a_command_line_or_an_environment(account, smtpd, certs):
    seen = []

    def look(session):
        for process in Path("/proc").glob("[0-9]*"):
            try:
                seen.append((process / "cmdline").read_bytes() + b"\0" + (process / "environ").read_bytes())
            except OSError:  # it ended
                pass

    server = smtpd({"mail": look}, certificate=certs.good, passwords={"me": "Oi7wei9Rah"})
    account.relay_through(server, user="me", password="text Oi7wei9Rah", ca=certs.ca)
    queue_one(account)
    account.flush()
    assert len(server.messages) == 1 and any(b"postbag-flush" in text for text in seen)
    assert not any(b"Oi7wei9Rah" in text for text in seen)


def test_nothing_in_the_environment_leads_the_relay_astray(account, smtpd, certs, tmp_path):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS)
    relay_with_password(account, server, certs)
    queue_one(account)
    keys = tmp_path / "keys"
    hostile = {name: "http://127.0.0.1:1" for name in ("http_proxy", "ALL_PROXY", "all_proxy", "smtp_proxy")}
    hostile |= {"SSLKEYLOGFILE": str(keys), "HOME": str(tmp_path), "CURL_HOME": str(tmp_path), "NETRC": "/x",
                "SSL_CERT_FILE": "/none", "CURL_CA_BUNDLE": "/none", "OPENSSL_CONF": "/none", "TZ": "/etc/shadow"}
    done = account.flush(env=hostile)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(server.wait_for(1)) == 1 and not keys.exists()


def test_the_log_says_what_became_of_it_and_controls_nothing(account, smtpd):
    server = smtpd({"dot": "451 4.3.0 \x1b[2Jlater %n%s"})
    account.relay_through(server, security="none")
    queue_one(account)
    done = account.flush("-v")
    assert done.returncode == 0 and b"\x1b" not in done.stderr and b"%n%s" in done.stderr
    assert b"status=deferred (host localhost[127.0.0.1]:" in done.stderr
    assert entries.committed(account.spool)[0].id.encode() in done.stderr
    assert subprocess.run(["grep", "-c", "\x1b", "-r", str(account.spool)], check=False, capture_output=True).returncode


# A password command.


def relay_with_command(account, server, certs, command):
    account.relay_through(server, user="me", password=f"command {command}", ca=certs.ca)
    queue_one(account)


def test_a_password_command_is_given_no_descriptor_of_ours(account, smtpd, certs):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS)
    relay_with_command(account, server, certs, "readlink /proc/self/fd/* >fds; echo open sesame")
    flushed(account)
    assert len(server.messages) == 1
    # Not the session's socket: an agent that the command leaves behind would hold it open.
    assert "socket:" not in (account.work / "fds").read_text()


def test_a_password_command_that_closes_its_output_has_no_more_time_than_others(account, smtpd, certs):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS)
    relay_with_command(account, server, certs, "echo open sesame; exec >&-; sleep 300")
    account.flush(timeout=45)
    assert "password command: no end within 30 seconds" in why(account) and waits(account)


def test_sigterm_does_not_wait_for_a_password_command(account, smtpd, certs):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS)
    relay_with_command(account, server, certs, "echo $$ >pid; exec sleep 300")
    flush = subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd=account.work)
    account.wait_until(lambda: (account.work / "pid").exists() and (account.work / "pid").read_text())
    flush.terminate()
    assert flush.wait(10) == 0 and waits(account)
    assert not Path("/proc", (account.work / "pid").read_text().strip()).exists()


def test_a_password_command_ends_with_a_flush_that_is_killed(account, smtpd, certs):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS)
    relay_with_command(account, server, certs, "echo $$ >pid; exec sleep 300")
    flush = subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd=account.work)
    account.wait_until(lambda: (account.work / "pid").exists() and (account.work / "pid").read_text())
    flush.kill()
    flush.wait()
    process = Path("/proc", (account.work / "pid").read_text().strip(), "cmdline")
    account.wait_until(lambda: not process.exists() or not process.read_bytes(), what="the command's end")
