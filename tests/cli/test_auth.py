"""Logging in: every mechanism at a real server where there is one, at a scripted one else; what a refusal leads to."""

import base64
import os
import re
import resource
import ssl
from pathlib import Path

import pytest
from conftest import need_root
from support.dovecot import Dovecot
from support.exim import Exim
from support.installed import give, install
from support.postfix import Postfix
from support.sasl_server import BINDINGS, NO_EXTENDED_MASTER_SECRET, Scram, context, oauthbearer, xoauth2
from support.smtpd import Close, Ended

MESSAGE = b"Subject: hi\n\nhello\n"
PASSWORD = "open sesame"
PASSWORDS = {"me": PASSWORD}


def relay(account, server, certs, password=PASSWORD, user="me", **more):
    path = account.folder / "secret"
    path.write_text(password + "\n")
    path.chmod(0o600)
    account.relay_through(server, user=user, password=f"file {path}", ca=certs.ca, **more)


def sent(account, count=1):
    """Queues that many messages and lets a flush run."""
    for _ in range(count):
        done = account.sendmail("-odq", "bob@example.org", input=MESSAGE)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    done = account.flush("-v", "--all")
    assert done.returncode == 0
    return done.stderr.decode()


def why(account):
    return "".join(path.read_text() for path in sorted(Path(account.spool, "why").glob("*")))


def attempts(server):
    """The mechanisms of all AUTH commands."""
    return [line.split()[1] for commands in server.commands for line in commands if line.startswith("AUTH")]


def relayed(account, server):
    log = sent(account)
    assert account.entries() == [], why(account) + log
    message, = server.messages
    assert message.user and message.tls and server.violations == []
    return log


def refused(account, server, log_hides=PASSWORD, count=1):
    """Nothing went out, nothing bounced, the messages wait; and no secret is told. Returns the reasons."""
    log = sent(account, count)
    assert [entry.statuses for entry in account.entries()] == ["."] * count
    assert not list(Path(account.spool, "bad").iterdir())
    assert server.messages == [] and "MAIL" not in server.verbs and server.violations == []
    everything = log + why(account)
    for secret in (log_hides, base64.b64encode(log_hides.encode()).decode()):
        assert secret not in everything
    return why(account)


# Real servers.


def real_login(account, bed, certs, mechanism):
    relay(account, bed, certs, bed.password, bed.user, **({"auth": mechanism.lower()} if mechanism else {}))
    log = sent(account)
    assert account.entries() == [], why(account) + log + bed.log()


def real_refusal(account, bed, certs, mechanism):
    relay(account, bed, certs, "another", bed.user, auth=f"{mechanism.lower()} plain login")
    log = sent(account, 3)
    assert [entry.statuses for entry in account.entries()] == [".", ".", "."]
    assert f"authentication of {bed.user} by {mechanism.lower()} failed: " in why(account) and "535" in why(account)
    assert "another" not in log + why(account)


CYRUS = ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]


@pytest.mark.parametrize("mechanism", [*CYRUS, None])
def test_postfix_with_cyrus_sasl_lets_us_in(account, postfix, certs, mechanism):
    real_login(account, postfix, certs, mechanism)
    postfix.wait_for(1)
    assert f"sasl_method={mechanism or 'SCRAM-SHA-256'}, sasl_username={postfix.user}" in postfix.log()


@pytest.mark.parametrize("mechanism", CYRUS)
def test_postfix_with_cyrus_sasl_refuses_a_wrong_password_once(account, postfix, certs, mechanism):
    before = postfix.log().count("authentication failed")
    real_refusal(account, postfix, certs, mechanism)
    assert postfix.log().count("authentication failed") == before + 1 and postfix.messages() == []


@pytest.fixture(scope="module")
def dovecot(certs):
    need_root("Dovecot")
    with Dovecot(Postfix.user, Postfix.password) as sasl, Postfix(None, certs, sasl.main_cf) as bed:
        yield bed


@pytest.mark.parametrize("mechanism", [*CYRUS, None])
def test_postfix_with_dovecot_lets_us_in(account, dovecot, certs, mechanism):
    dovecot.clear()
    real_login(account, dovecot, certs, mechanism)
    dovecot.wait_for(1)
    assert f"sasl_method={mechanism or 'SCRAM-SHA-256'}, sasl_username={dovecot.user}" in dovecot.log()


@pytest.mark.parametrize("mechanism", CYRUS)
def test_postfix_with_dovecot_refuses_a_wrong_password_once(account, dovecot, certs, mechanism):
    dovecot.clear()
    before = dovecot.log().count("authentication failed")
    real_refusal(account, dovecot, certs, mechanism)
    assert dovecot.log().count("authentication failed") == before + 1 and dovecot.messages() == []


@pytest.fixture(scope="module")
def exim(certs):
    need_root("Exim")
    with Exim(certs) as bed:
        yield bed


@pytest.mark.parametrize("mechanism, name", [("PLAIN", "plain"), ("LOGIN", "login"), ("CRAM-MD5", "cram"),
                                             (None, "cram")])
def test_exim_lets_us_in(account, exim, certs, mechanism, name):
    before = exim.log().count(f"A={name}:me")
    real_login(account, exim, certs, mechanism)
    exim.wait_until(lambda: exim.log().count(f"A={name}:me") == before + 1)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_exim_refuses_a_wrong_password_once(account, exim, certs, mechanism):
    before = exim.log().count("535 Incorrect authentication data")
    real_refusal(account, exim, certs, mechanism)
    assert exim.log().count("535 Incorrect authentication data") == before + 1


# SCRAM, and what it is bound to.


def scram_server(smtpd, certs, version=ssl.TLSVersion.TLSv1_3, options=0, script=None, **mechanisms):
    """Offers the mechanisms; their names' _ is a -."""
    named = {name.replace("_", "-"): mechanism for name, mechanism in mechanisms.items()}
    for mechanism in named.values():
        mechanism.certificate = certs.good[0]
    return smtpd(script, certificate=context(certs, version, options), passwords=PASSWORDS, mechanisms=named,
                 auth=" ".join([*named, "PLAIN"]), require_auth=True)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("version, options, types, bound", [
    ("TLSv1_3", 0, ["tls-exporter"], ["p=tls-exporter"]),
    ("TLSv1_3", 0, ["tls-server-end-point"], ["p=tls-exporter", "p=tls-server-end-point"]),
    ("TLSv1_2", 0, ["tls-unique"], ["p=tls-unique"]),
    ("TLSv1_2", 0, ["tls-server-end-point"], ["p=tls-unique", "p=tls-server-end-point"]),
    # Without the extended master secret tls-unique is not unique.
    ("TLSv1_2", NO_EXTENDED_MASTER_SECRET, ["tls-unique", "tls-server-end-point"], ["p=tls-server-end-point"]),
])
def test_a_login_is_bound_to_its_tls_session(account, smtpd, certs, algorithm, version, options, types, bound):
    scram = Scram(algorithm, types)
    server = scram_server(smtpd, certs, ssl.TLSVersion[version], options,
                          **{f"SCRAM_SHA_{algorithm[3:]}_PLUS": scram})
    relay(account, server, certs)
    relayed(account, server)
    assert scram.headers == bound
    assert PASSWORD.encode() not in server.wire[0]


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_binding_works_however_tls_began(account, smtpd, certs, security):
    scram = Scram(types=["tls-exporter"], certificate=certs.good[0])
    server = smtpd(certificate=context(certs), implicit_tls=security == "tls", passwords=PASSWORDS,
                   mechanisms={"SCRAM-SHA-256-PLUS": scram}, auth="SCRAM-SHA-256-PLUS", require_auth=True)
    relay(account, server, certs, security=security)
    relayed(account, server)
    assert scram.headers == ["p=tls-exporter"]


def test_a_login_that_somebody_passes_on_is_refused(account, smtpd, certs, monkeypatch):
    """As through a man in the middle: the server's session is not the client's."""
    monkeypatch.setitem(BINDINGS, "tls-exporter", lambda _: b"x" * 32)
    server = scram_server(smtpd, certs, SCRAM_SHA_256_PLUS=Scram(types=["tls-exporter"]), SCRAM_SHA_256=Scram())
    relay(account, server, certs)
    assert "by scram-sha-256-plus failed: it said: 535" in refused(account, server)
    assert attempts(server) == ["SCRAM-SHA-256-PLUS"]


def test_without_plus_scram_says_that_it_could_be_bound(account, smtpd, certs):
    scram = Scram()
    server = scram_server(smtpd, certs, SCRAM_SHA_256=scram)
    relay(account, server, certs)
    relayed(account, server)
    assert scram.headers == ["y"] and PASSWORD.encode() not in server.wire[0]


def test_a_stripped_plus_is_noticed(account, smtpd, certs):
    """Somebody in between hides -PLUS from us: the server, told that we saw none, knows that it offers one."""
    scram = Scram()
    scram._judge = lambda *_: b"server-does-support-channel-binding"
    server = scram_server(smtpd, certs, SCRAM_SHA_256=scram)
    relay(account, server, certs)
    assert "(server-does-support-channel-binding)" in refused(account, server)
    assert attempts(server) == ["SCRAM-SHA-256"] and scram.headers == ["y"]


def test_a_server_with_plus_is_not_told_that_it_has_none(account, smtpd, certs):
    scram = Scram()
    server = scram_server(smtpd, certs, SCRAM_SHA_256_PLUS=Scram(types=["tls-exporter"]), SCRAM_SHA_256=scram)
    relay(account, server, certs, auth="scram-sha-256")
    relayed(account, server)
    assert scram.headers == ["n"]


@pytest.mark.parametrize("fault, reason", [
    ("forged", "SCRAM: the server does not show that it knows the password"),
    ("unsigned", "SCRAM: the server takes us in without showing that it knows the password"),
    ("early", "SCRAM: the server takes us in without showing that it knows the password"),
    ("other nonce", "SCRAM: the server's nonce does not extend ours"),
    ("iterations", "SCRAM: an iteration count that is not 1 to 10000000"),
    ("error", "SCRAM: the server refuses (other-error ?[2J)"),
])
def test_a_server_that_does_not_know_the_password_gets_no_mail(account, smtpd, certs, fault, reason):
    server = scram_server(smtpd, certs, SCRAM_SHA_256=Scram(fault=fault))
    relay(account, server, certs)
    assert f"authentication of me by scram-sha-256 failed: {reason}" in refused(account, server)
    assert attempts(server) == ["SCRAM-SHA-256"]


def test_names_and_passwords_may_hold_anything(account, smtpd, certs):
    for mechanism in (Scram(), None):
        passwords = {"a,b=c": "p\u00e4ss, =w\u20acrd"}
        server = smtpd(certificate=certs.good, passwords=passwords, require_auth=True,
                       auth="SCRAM-SHA-256" if mechanism else "PLAIN", mechanisms={"SCRAM-SHA-256": mechanism})
        relay(account, server, certs, passwords["a,b=c"], "a,b=c")
        relayed(account, server)
        assert server.messages[0].user == "a,b=c"


# Tokens.


def token_server(smtpd, certs, **more):
    return smtpd(certificate=certs.good, passwords={"me,too": "ya29.TokenTokenToken"}, require_auth=True,
                 mechanisms={"XOAUTH2": xoauth2, "OAUTHBEARER": oauthbearer},
                 **{"auth": "PLAIN XOAUTH2 OAUTHBEARER", **more})


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_token_is_shown_where_it_is_asked_for(account, smtpd, certs, mechanism):
    server = token_server(smtpd, certs)
    relay(account, server, certs, "ya29.TokenTokenToken", "me,too", auth=mechanism)
    relayed(account, server)
    assert attempts(server) == [mechanism.upper()]


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_a_token_of_kilobytes_comes_after_an_empty_challenge(account, smtpd, certs, mechanism):
    token = "ya29." + "Token123" * 500
    server = smtpd(certificate=certs.good, passwords={"me": token}, require_auth=True, auth=mechanism.upper(),
                   mechanisms={"XOAUTH2": xoauth2, "OAUTHBEARER": oauthbearer})
    relay(account, server, certs, token, auth=mechanism)
    relayed(account, server)
    assert f"AUTH {mechanism.upper()}" in server.commands[0]


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
def test_what_a_server_has_against_a_token_is_shown(account, smtpd, certs, mechanism):
    server = token_server(smtpd, certs)
    relay(account, server, certs, "ya29.OldOldOld", "me,too", auth=f"{mechanism} plain")
    reasons = refused(account, server, "ya29.OldOldOld")
    assert f'by {mechanism} failed: it said: 535 5.7.8 bad credentials ({{"status":"invalid_token",' in reasons
    assert "?[2Jmail" in reasons and attempts(server) == [mechanism.upper()]


def test_a_password_is_never_taken_for_a_token(account, smtpd, certs):
    server = token_server(smtpd, certs, auth="XOAUTH2 OAUTHBEARER")
    relay(account, server, certs, "ya29.TokenTokenToken", "me,too")
    assert "it offers no mechanism of ours (offered: xoauth2 oauthbearer)" in refused(account, server)
    assert attempts(server) == []


# Which mechanism, and what follows a refusal.


ALL = "LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2"
SCRAMS = {"SCRAM-SHA-1": Scram("sha1"), "SCRAM-SHA-256": Scram("sha256")}


@pytest.mark.parametrize("wanted, used", [
    (None, "SCRAM-SHA-256"), ("scram-sha-1 plain", "SCRAM-SHA-1"), ("cram-md5, scram-sha-256", "CRAM-MD5"),
    ("login", "LOGIN"), ("scram-sha-256-plus plain", "PLAIN")])
def test_the_order_is_the_configurations_or_the_best_first(account, smtpd, certs, wanted, used):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS, auth=ALL, mechanisms=SCRAMS, require_auth=True)
    relay(account, server, certs, **({"auth": wanted} if wanted else {}))
    relayed(account, server)
    assert attempts(server) == [used]


@pytest.mark.parametrize("reply", ["504 5.5.4 no such mechanism", "534 5.7.9 too weak", "538 5.7.11 encrypt",
                                   "432 4.7.12 change your password", "535 5.7.4 not for you", "501 5.5.4 no"])
def test_a_mechanism_that_is_refused_as_such_is_followed_by_the_next(account, smtpd, certs, reply):
    server = smtpd({("auth", name): reply for name in ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5")},
                   certificate=certs.good, passwords=PASSWORDS, auth=ALL, mechanisms=SCRAMS, require_auth=True)
    relay(account, server, certs)
    relayed(account, server)
    assert attempts(server) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN"]


def test_when_all_are_refused_the_message_waits(account, smtpd, certs):
    server = smtpd({"auth": "504 5.5.4 no"}, certificate=certs.good, passwords=PASSWORDS)
    relay(account, server, certs)
    assert "authentication of me by login failed: it said: 504 5.5.4 no" in refused(account, server)
    assert attempts(server) == ["PLAIN", "LOGIN"]


@pytest.mark.parametrize("mechanism", ALL.split()[:5])
@pytest.mark.parametrize("reply", [None, "454 4.7.0 later", "550 5.7.1 banned", "250 2.0.0 fine", "334 x"])
def test_a_refusal_of_the_password_is_one_attempt_a_run(account, smtpd, certs, mechanism, reply):
    script = {"auth": reply} if reply else {}
    server = smtpd(script, certificate=certs.good, passwords={"me": "other"}, auth=ALL, mechanisms=SCRAMS)
    relay(account, server, certs, auth=f"{mechanism.lower()} plain login")
    reasons = refused(account, server, count=3)
    assert reasons.count(f"by {mechanism.lower()} failed") == 3
    assert attempts(server) == [mechanism] and len(server.connections) == 1


@pytest.mark.parametrize("step", ["auth", "challenge"])
def test_a_connection_that_is_lost_in_a_login_is_a_delay(account, smtpd, certs, step):
    server = smtpd({step: Close()}, certificate=certs.good, passwords=PASSWORDS, auth="SCRAM-SHA-256",
                   mechanisms=SCRAMS)
    relay(account, server, certs)
    assert "lost connection" in refused(account, server) or "closed" in why(account)


def test_challenges_without_end_come_to_one(account, smtpd, certs):
    def endless(session, _):
        while True:
            session.challenge(b"more")

    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"):
        server = smtpd(certificate=certs.good, passwords=PASSWORDS, auth=mechanism, mechanisms={mechanism: endless})
        relay(account, server, certs, "token", auth=mechanism.lower())
        refused(account, server, "token")
        account.wait_until_idle()
        assert server.commands[0][-2:] == ["*", "QUIT"] and len(server.commands[0]) <= 9
        for entry in account.entries():
            entry.path.unlink()


@pytest.mark.parametrize("reply", ["500 5.5.2 what is {line}?", "535-5.7.8 {line}\r\n535 5.7.8 {password} is wrong"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_server_that_repeats_our_words_puts_no_secret_into_the_log(account, smtpd, certs, mechanism, reply):
    def repeat(session, initial):
        if not initial:
            session.challenge(b"Username:")
            initial = base64.b64encode(session.challenge(b"Password:")).decode()
        session.send(reply.format(line=initial, password=PASSWORD).encode() + b"\r\n")
        raise Ended

    server = smtpd(certificate=certs.good, passwords=PASSWORDS, auth=mechanism, mechanisms={mechanism: repeat})
    relay(account, server, certs)
    reasons = refused(account, server)
    assert "(secret)" in reasons and base64.b64encode(b"\0me\0" + PASSWORD.encode()).decode() not in reasons


# Where secrets do not go.


@pytest.mark.parametrize("settings, reason", [
    ({"security": "none"}, "user: a password never goes over security = none"),
    ({"security": "none", "allow_plaintext": "yes"}, "user: a password never goes over security = none")])
def test_no_password_without_tls(account, smtpd, certs, settings, reason):
    server = smtpd(passwords=PASSWORDS, auth_in_clear=True)
    relay(account, server, certs, **settings)
    assert account.sendmail("-odq", "bob@example.org", input=MESSAGE).returncode == 0
    done = account.flush()
    assert done.returncode == os.EX_CONFIG and reason in done.stderr.decode()
    assert server.connections == [] and len(account.entries()) == 1


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"])
def test_no_secret_stands_anywhere_but_in_memory(account, smtpd, certs, mechanism):
    """Not in an argument, an environment, a descriptor's file, nor in a core, which no process of ours would leave."""
    secret = "Oi7wei9Rah"
    seen, limits = [], []

    def look(session):
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
                seen.append(words + (process / "environ").read_bytes())
                if b"postbag-flush" in words and str(account.folder).encode() in (process / "environ").read_bytes():
                    limits.append(resource.prlimit(int(process.name), resource.RLIMIT_CORE))
            except OSError:  # it ended
                pass

    server = smtpd({"mail": look}, certificate=certs.good, passwords={"me": secret}, auth=mechanism,
                   mechanisms=SCRAMS, require_auth=True)
    account.relay_through(server, user="me", password=f"text {secret}", ca=certs.ca)
    relayed(account, server)
    assert seen and not any(secret.encode() in text for text in seen)
    assert limits and set(limits) == {(0, 0)}


def test_no_process_that_holds_a_secret_can_be_dumped(world, smtpd, programs, certs):
    """The kernel gives the files below /proc of such a process to root, whoever runs it."""
    place = world(users=["jane"])
    seen = []

    def look(_):
        for process in (Path(f"/proc/{pid}") for pid in place.processes()):
            if b"postbag-flush" in (process / "cmdline").read_bytes():
                uid = re.search(r"^Uid:\t(\d+)", (process / "status").read_text(), re.M)[1]
                seen.append((int(uid), (process / "environ").stat().st_uid))

    server = smtpd({"mail": look}, listener=place.listener(), certificate=certs.good, passwords=PASSWORDS)
    give(place, "jane", {
        ".config/postbag/postbag.ini": f"[smarthost]\nhost = localhost:{server.port}\nuser = me\n"
        f"password = text {PASSWORD}\nca = ~/ca.pem\n",
        "ca.pem": certs.ca.read_text()})
    done = place.run([install(place, programs)["sendmail"], "bob@example.org"], user="jane", input=MESSAGE)
    assert (done.returncode, done.stderr) == (0, b"")
    server.wait_for(1)
    place.wait_for_syslog("removed")
    assert len(seen) == 2 and set(seen) == {(place.uids["jane"], 0)}  # the flush and its worker


def test_a_password_command_sees_no_secret_and_leaves_no_core(account, smtpd, certs):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS, require_auth=True)
    account.env |= {"CREDENTIALS_DIRECTORY": str(account.folder), "SECRET": PASSWORD}
    command = f"tr '\\\\0' '\\\\n' </proc/self/environ >environment; ulimit -c >core; echo {PASSWORD}"
    account.relay_through(server, user="me", password=f"command {command}", ca=certs.ca)
    relayed(account, server)
    environment = (account.work / "environment").read_text()
    names = {line.partition("=")[0] for line in environment.splitlines()}
    assert names <= {"HOME", "PATH", "USER", "LOGNAME", "SHELL", "TZ", "LC_ALL", "PWD", "LANG"}, names
    assert (account.work / "core").read_text() == "0\n"
