"""Mistakes in postbag.ini are told with file and line; the flush waits for their mending, sendmail stores mail."""

import re
from pathlib import Path

import pytest
from support.account import DEFAULT
from support.installed import give, install

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "postbag.ini.sample"
MESSAGE = b"Subject: x\n\nbody\n"
NO_LINE = "neither a section, nor 'key = value', nor a comment"
GOOD = "[smarthost]\nhost = localhost:1\nsecurity = none\n"
SECRET = "hunter2"


def configure(account, text):
    """Writes it as it is, the spool's section in front; its line numbers begin behind that."""
    head = f"[spool]\ndirectory = {account.spool}\n"
    data = (head.encode() + text) if isinstance(text, bytes) else (head + text).encode()
    account.config.write_bytes(data)
    account.config.chmod(0o600)
    return head.count("\n")


def located(account, offset, *mistakes):
    """[(line, text)…] as the flush says them."""
    return "".join(f"postbag-flush: {account.config}:{line + offset}: {text}\n" for line, text in mistakes)


# Each mistake: its text, where it is, and what is said of it.
MISTAKES = {
    "unknown-section": ("[smarthots]\nhost = a\n", (1, "unknown section [smarthots]")),
    "section-without-keys": ("[smarthots]\n", (1, "unknown section [smarthots]")),
    "unknown-key": ("[site]\ndomian = a\n", (2, "unknown key 'domian' in [site]")),
    "case": ("[site]\nDomain = a\n", (2, "unknown key 'Domain' in [site]")),
    "duplicate": ("[site]\ndomain = a\n\ndomain = b\n", (4, "'domain' is given twice, first in line 4")),
    "empty": ("[site]\ndomain =\n", (2, "'domain' has no value")),
    "no-equals": ("[site]\ndomain a\n", (2, NO_LINE)),
    "colon": ("[site]\ndomain: a\n", (2, NO_LINE)),
    "no-key": ("[site]\n = a\n", (2, "no key before '='")),
    "open-section": ("[site\ndomain = a\n", (1, "']' must end the line")),
    "comment-behind-section": ("[site] ; x\n", (1, "']' must end the line")),
    "long-line": (f"[site]\ndomain = {'a' * 191}\n", (2, "longer than 199 bytes")),
    "long-key": (f"[site]\n{'k' * 50} = a\n", (2, "a key longer than 49 bytes")),
    "long-section": (f"[{'s' * 50}]\nx = 1\n", (1, "a section name longer than 49 bytes")),
    "nul": ("[site]\ndomain = a\0b\n", (2, "a NUL byte")),
    "inline-comment": ("[site]\ndomain = a ; mine\n", (2, "domain = a ; mine: not a domain")),
    "control": ("[site]\ndomain = \x1b[2J\n", (2, "domain = ?[2J: not a domain")),
    "domain": ("[site]\ndomain = a b\n", (2, "domain = a b: not a domain")),
    "domains": ("[site]\nlocal = a, b@c\n", (2, "local = a, b@c: not a list of domains")),
    "address": ("[site]\npostmaster = <>\n", (2, "postmaster = <>: not an address")),
    "path": ("[local]\nmailbox = Mail\n", (2, "mailbox = Mail: a path begins with / or ~/, a command with |")),
    "duration": ("[smarthost]\nhost = a\nreply_timeout = 5\n",
                 (3, "reply_timeout = 5: not a duration like 30s, 5m, 4h or 5d")),
    "number": ("[smarthost]\nhost = a\nconnections = 0\n", (3, "connections = 0: not a number above 0")),
    "choice": ("[smarthost]\nhost = a\nsecurity = ssl\n", (3, "security = ssl: not one of: tls starttls none")),
    "yes-no": ("[smarthost]\nhost = a\nallow_plaintext = true\n", (3, "allow_plaintext = true: neither yes nor no")),
    "host": ("[smarthost]\nhost = a:b\n", (2, "host = a:b: not a host or host:port")),
    "no-host": ("[smarthost]\nhelo = a\n", (1, "this smarthost has no host")),
    "plaintext": ("[smarthost]\nhost = a\nsecurity = none\n",
                  (3, "security = none: only to loopback, or with allow_plaintext = yes")),
    "plain-password": (GOOD + "user = me\npassword = netrc\n", (4, "user: a password never goes over security = none")),
    "no-password": ("[smarthost]\nhost = a\nuser = me\n", (3, "user: there is no password = …")),
    "several": ("[site]\nx = 1\n[smarthost]\nhost = a:b\nno\n", (2, "unknown key 'x' in [site]"),
                (4, "host = a:b: not a host or host:port"), (5, NO_LINE)),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_the_flush_refuses_and_the_mail_waits(account, kind):
    text, *mistakes = MISTAKES[kind]
    assert account.sendmail("-odq", "bob@x.test", input=MESSAGE).returncode == 0
    entry, = account.entries()
    offset = configure(account, text)
    done = account.flush("--all")
    assert (done.returncode, done.stdout) == (78, b"")
    assert done.stderr.decode() == located(account, offset, *mistakes)
    assert account.entries()[0].path.stat() == entry.path.stat() and entry.statuses == "."


@pytest.mark.parametrize("kind", MISTAKES)
def test_sendmail_tells_of_its_own_sections_and_stores(account, kind):
    text, *mistakes = MISTAKES[kind]
    offset = configure(account, text)
    done = account.sendmail("-odq", "bob@x.test", input=MESSAGE)
    assert done.returncode == 0 and len(account.entries()) == 1
    own = [mistake for mistake in mistakes if re.match(r"\[(site|spool)\b", section_of(text, mistake[0]))]
    assert done.stderr.decode() == located(account, offset, *own).replace("postbag-flush: ", "sendmail: ")


def section_of(text, line):
    return [each for each in text.split("\n")[:line] if each.startswith("[")][-1]


def test_a_key_before_any_section_and_a_spool_that_is_wrong(account):
    account.config.write_text(f"domain = a\n[spool]\ndirectory = {account.spool}\nsize_limit = big\nretry = 5m\n")
    expected = ("{0}: {1}:1: 'domain' stands before any section\n{0}: {1}:4: size_limit = big: not a size like 50M\n"
                "{0}: {1}:5: retry = 5m: not a range of durations like 5m..4h\n")
    done = account.sendmail("-odq", "bob@x.test", input=MESSAGE)
    assert (done.returncode, done.stderr.decode()) == (0, expected.format("sendmail", account.config))
    assert len(account.entries()) == 1
    done = account.flush()
    assert (done.returncode, done.stderr.decode()) == (78, expected.format("postbag-flush", account.config))


@pytest.mark.parametrize("text", [
    pytest.param(b"[site]\r\ndomain = a\r\n\r\n", id="crlf"),
    pytest.param(b"   [site]\n\tdomain = a\n   postmaster = b\n", id="indented"),
    pytest.param(b"[site]\n" + b"# " + b"x" * 196 + b"=\n", id="long-comment"),
    pytest.param(b"[site]\ndomain = a", id="no-line-end"), pytest.param(b"", id="nothing")])
def test_what_is_no_mistake(account, text):
    configure(account, text)
    assert (account.flush().returncode, account.flush().stderr) == (0, b"")
    assert account.sendmail("-odq", "bob@x.test", input=MESSAGE).stderr == b""


def test_a_bom_and_indentation_change_nothing(account):
    account.config.write_bytes(b"\xef\xbb\xbf  [site]\r\n\t domain = a.example\r\n   [spool]\r\n  directory = "
                               + bytes(account.spool) + b"\r\n")
    assert account.sendmail("-odq", "bob@x.test", input=MESSAGE).stderr == b""
    assert re.search(rb"\nFrom: .*@a\.example>?\n", account.entries()[0].message)


@pytest.mark.parametrize("lines, text", [
    ("user = me\npassword = hunter2\n", "password: not keyring, file PATH, command CMD, credential NAME, netrc or "
     "text SECRET"),
    ("user = me\npassword hunter2\n", NO_LINE),
    ("user = me\npasswort = hunter2\n", "unknown key 'passwort' in [smarthost]"),
    ("user = me\npassword = netrc\npassword = text hunter2\n", "'password' is given twice, first in line 6")])
def test_no_error_holds_the_secret(account, lines, text):
    configure(account, "[smarthost]\nhost = a\n" + lines)
    done = account.flush("-v")
    assert done.returncode == 78 and text.encode() in done.stderr and SECRET.encode() not in done.stderr
    assert SECRET.encode() not in account.sendmail("-odq", "bob@x.test", input=MESSAGE).stderr


def test_a_secret_that_others_can_read_is_an_error(account):
    secret = account.folder / "secret"
    secret.write_text(SECRET)
    offset = configure(account, f"[smarthost]\nhost = a\nuser = me\npassword = file {secret}\n")
    for mode in (0o640, 0o604):
        secret.chmod(mode)
        done = account.flush()
        assert done.returncode == 78
        assert done.stderr.decode() == located(
            account, offset, (4, f"password: {secret} can be read by others; chmod 600 it"))
    secret.chmod(0o600)
    assert account.flush().returncode == 0
    offset = configure(account, f"[smarthost]\nhost = a\nuser = me\npassword = text {SECRET}\n")
    assert account.flush().returncode == 0
    account.config.chmod(0o644)
    done = account.flush()
    assert done.returncode == 78
    assert done.stderr.decode() == located(account, offset, (4, "password: text SECRET only in a file of mode 0600"))


@pytest.mark.parametrize("damage, reason", [
    pytest.param("rm {}", "open: No such file or directory", id="missing"),
    pytest.param("rm {0}; mkdir {0}", "not a regular file", id="folder"),
    pytest.param("rm {0}; mkfifo {0}", "not a regular file", id="fifo"),
    pytest.param("chmod 0 {}", "open: Permission denied", id="unreadable"),
    pytest.param("head -c 2000000 /dev/zero > {}", "larger than 1048576 bytes", id="huge")])
def test_a_file_that_cannot_be_read_sends_mail_to_the_default_spool(world, programs, damage, reason):
    place = world()
    sendmail = install(place, programs)["sendmail"]
    give(place, "jane", {"p.ini": DEFAULT})
    place.run(["sh", "-c", damage.format("/home/jane/p.ini")], user="jane")
    env = {"POSTBAG_CONFIG": "/home/jane/p.ini"}
    done = place.run([sendmail, "-odq", "bob@x.test"], user="jane", input=MESSAGE, env=env)
    assert done.returncode == 0 and done.stderr.decode() == f"sendmail: /home/jane/p.ini: {reason}\n"
    assert len(list(place.path("/home/jane/.local/state/postbag/spool/queue").iterdir())) == 1
    assert any(f"/home/jane/p.ini: {reason}" in line and "postbag/pickup" in line for line in place.syslog)
    done = place.run(["/usr/libexec/postbag/postbag-flush"], user="jane", env=env)
    assert done.returncode == 78 and done.stderr.decode() == f"postbag-flush: /home/jane/p.ini: {reason}\n"


# The sample.


def settings():
    """[(section, line number, key, value, the comment above)] of the sample's commented settings."""
    found, section, notes = [], None, ""
    for number, line in enumerate(SAMPLE.read_text().splitlines(), 1):
        if line.startswith("["):
            section, notes = line.strip("[]"), ""
        elif match := re.match(r"#(\S[^=]*?) = (.*)", line):
            found.append((section, number, match[1], match[2], notes))
        elif not line:
            notes = notes if section == "local" else ""
        else:
            notes += line + "\n"
    return found


def test_the_sample_is_loaded_as_it_is(account):
    text = SAMPLE.read_text()
    assert text.isascii() and max(map(len, text.splitlines())) <= 120
    account.config.write_text(re.sub(r"(?m)^#directory = .*", f"directory = {account.spool}", text))
    done = account.flush("-v")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("section, number, key, value, notes", 
                         [pytest.param(*each, id=f"{each[0]}-{each[2]}") for each in settings()
                          if each[0::2][:2] != ("spool", "directory")])
def test_every_setting_of_the_sample_is_understood(account, section, number, key, value, notes):
    companions = {"smarthost": "host = a\n", "routes": "[smarthost]\nhost = a\n", "user": "password = netrc\n", "password": "user = me\n",
                  "certificate": "key = /k\n"}
    others = companions.get(section, "") if key != "host" else ""
    account.config.write_text(f"[{section}]\n{key} = {value}\n{others}{companions.get(key, '')}")
    account.config.chmod(0o600)
    with account.config.open("a") as file:
        spool = f"directory = {account.spool}\n"
        file.write(spool if section == "spool" else f"[spool]\n{spool}")
    done = account.flush("-v")
    assert done.returncode == 0, f"{SAMPLE.name}:{number}: {done.stderr.decode()}"
    assert done.stderr == b"" and "no effect" not in notes.lower()


def test_the_spool_of_the_sample_is_the_persons_own(world, programs):
    (value, ), place = [each[3] for each in settings() if each[0::2][:2] == ("spool", "directory")], world()
    sendmail = install(place, programs)["sendmail"]
    give(place, "jane", {"p.ini": f"[spool]\ndirectory = {value}\n"})
    done = place.run([sendmail, "-odq", "bob@x.test"], user="jane", input=MESSAGE,
                     env={"POSTBAG_CONFIG": "/home/jane/p.ini"})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(list(place.path(value.replace("~", "/home/jane") + "/queue").iterdir())) == 1


def test_the_sample_holds_every_key_and_no_other():
    code = "".join((ROOT / path).read_text()
                   for path in ("spool/settings.cpp", "spool/local_settings.h", "lib/store/site.cpp"))
    for section in ("site", "spool", "local", "smarthost"):
        known = re.search(rf"constexpr std::array {section}_keys\{{(.*?)\}};", code, re.S)[1]
        shown = [key for name, _, key, _, _ in settings() if name == section]
        assert sorted(re.findall(r'Key\{"(\w+)"', known)) == sorted(shown) and shown
