"""`sendmail -bv`: where mail for an address would go, told step by step, in worlds with users and tables of their own."""

import os
import stat

import pytest

from support.installed import give, install

INI = "[site]\ndomain = lan.example\nlocal = lan.example\n"
RELAY = "[smarthost]\nhost = smart.example\n"
ALIASES = "aliases = /etc/aliases\n"


@pytest.fixture
def place(world, programs):
    """A world with jane and bob, and postbag installed in it."""
    made = world(users=["jane", "bob"])
    install(made, programs)
    return made


def verify(place, *addresses, user="jane", ini=None, status=0):
    """The lines that -bv prints for this configuration."""
    env = {}
    if ini is not None:
        give(place, user, {"p.ini": ini})
        env = {"POSTBAG_CONFIG": f"/home/{user}/p.ini"}
    before = everything(place)
    done = place.run(["sendmail", "-bv", *addresses], user=user, env=env)
    assert done.stderr == b"", done.stderr
    assert done.returncode == status, done
    assert everything(place) == before  # it neither stores nor delivers
    return done.stdout.decode().splitlines()


def everything(place):
    return sorted(str(path) for folder in ("/home", "/var/mail", "/var/spool") for path in place.path(folder).rglob("*"))


def test_without_any_configuration_mail_is_ones_own(place):
    assert verify(place, "jane") == ["jane... deliverable: mailer local, user jane"]
    for name in ("root", "postmaster", "root@localhost", "jane@box", "jane+detail", "\\jane"):
        assert verify(place, name) == ["jane... deliverable: mailer local, user jane"]
    assert verify(place, "nobody-here", status=67) == ["nobody-here... User unknown"]
    assert verify(place, "bob", status=69) == [
        "bob... undeliverable: 5.2.0 bob: another user of this machine, and there is no system installation of postbag "
        "to reach him"]
    assert verify(place, "x@y.test", status=75) == ["x@y.test... deferred: 4.4.4 no smarthost is configured"]


def test_steps_from_virtual_to_the_end(place):
    place.path("/etc/aliases").write_text("news: root\nroot: jane, boss@x.test\nsubscribe: |subscribe.sh\nvoid: /dev/null\n"
                                          "list: :include:/etc/list\nowner-list: jane\na: b\nb: a\n")
    place.path("/etc/list").write_text("# members\nx@y.test\n")
    place.path("/etc/virtual").write_text("sales@lan.example news\n@old.example %1@new.example\n"
                                          "gone@lan.example error:5.7.0:550 no such department\n")
    ini = f"{INI}[local]\n{ALIASES}virtual = /etc/virtual\n{RELAY}[routes]\nno.test = error 5.7.0 550 not there\n"
    give(place, "jane", {".forward": "\\jane, emma@lab1.example\n"})
    assert verify(place, "sales@lan.example", ini=ini) == [
        "  sales@lan.example -> news (virtual)",
        "    news -> root (alias)",
        "      root -> jane (alias)",
        "        jane -> \\jane (.forward)",
        "        jane -> emma@lab1.example (.forward)",
        "      root -> boss@x.test (alias)",
        "jane... deliverable: mailer local, user jane",
        "emma@lab1.example... deliverable: mailer relay, host smart.example, user emma@lab1.example",
        "boss@x.test... deliverable: mailer relay, host smart.example, user boss@x.test"]
    assert verify(place, "subscribe", ini=ini)[-1] == "|subscribe.sh... deliverable: mailer prog, user subscribe.sh"
    assert verify(place, "void", ini=ini)[-1] == "/dev/null... deliverable: mailer *file*, user /dev/null"
    assert verify(place, "list", ini=ini) == [
        "  list -> :include:/etc/list (alias)", "    :include:/etc/list -> x@y.test (include)",
        "x@y.test... deliverable: mailer relay, host smart.example, user x@y.test"]
    assert verify(place, "ann@old.example", ini=ini)[-1].startswith("ann@new.example... deliverable: mailer relay")
    assert verify(place, "gone@lan.example", ini=ini, status=69) == [
        "gone@lan.example... undeliverable: 5.7.0 550 no such department (by the virtual table)"]
    assert verify(place, "a@no.test", ini=ini, status=69) == [
        "a@no.test... undeliverable: 5.7.0 550 not there (by [routes])"]
    assert verify(place, "a", ini=ini, status=69)[-1] == "a... undeliverable: 5.4.6 a: a loop of aliases"
    lines = verify(place, "void,nobody-here", "b", ini=ini, status=67)
    assert lines[1:3] == ["/dev/null... deliverable: mailer *file*, user /dev/null", "nobody-here... User unknown"]


def test_all_mail_to_unknown_and_postmaster(place):
    ini = INI + "all_mail_to = me@out.test\n" + RELAY
    assert verify(place, "bob", ini=ini) == [
        "  bob -> me@out.test (all_mail_to)",
        "me@out.test... deliverable: mailer relay, host smart.example, user me@out.test"]
    ini = INI + "[local]\nunknown = smarthost\n" + RELAY
    assert verify(place, "nobody-here", ini=ini) == [
        "nobody-here@lan.example... deliverable: mailer relay, host smart.example, user nobody-here@lan.example"]
    ini = INI + "[local]\nunknown = jane\n"
    assert verify(place, "nobody-here", ini=ini) == ["  nobody-here -> jane (unknown)",
                                                     "jane... deliverable: mailer local, user jane"]
    ini = INI + "postmaster = pm@out.test\n" + RELAY
    assert verify(place, "Postmaster@lan.example", ini=ini)[-1].startswith("pm@out.test... deliverable: mailer relay")


def test_others_are_for_the_systems_sendmail_where_there_is_one(place):
    folder = place.path("/etc/postbag")
    folder.mkdir()
    (folder / "postbag.ini").write_text("[site]\n")
    assert verify(place, "bob", ini=INI) == ["bob... deliverable: mailer system, user bob"]
    folder.chmod(0o700)  # whether there is one cannot be seen
    assert verify(place, "bob", ini=INI, status=75)[0].startswith("bob... deferred: 4.3.5 ")


def test_tables_that_cannot_be_used_delay(place):
    ini = INI + f"[local]\n{ALIASES}virtual = /etc/virtual\n{RELAY}"
    place.path("/etc/aliases").write_text("a b\n")
    place.path("/etc/virtual").write_text("jane@lan.example\n")
    give(place, "jane", {"p.ini": ini})
    done = place.run(["sendmail", "-bv", "jane", "jane@lan.example", "x@y.test"], user="jane",
                     env={"POSTBAG_CONFIG": "/home/jane/p.ini"})
    assert done.returncode == 75
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("jane... deferred: 4.3.5 /etc/aliases:1: ")
    assert lines[1:] == [
        "jane@lan.example... deferred: 4.3.5 /etc/virtual:1: jane@lan.example: there is no address behind it",
        "x@y.test... deliverable: mailer relay, host smart.example, user x@y.test"]
    assert b"/etc/virtual:1: " in done.stderr and b"/etc/aliases:1: " in done.stderr
    place.path("/etc/virtual").unlink()
    done = place.run(["sendmail", "-bv", "jane@lan.example"], user="jane", env={"POSTBAG_CONFIG": "/home/jane/p.ini"})
    assert done.returncode == 75 and b"/etc/virtual: open: No such file" in done.stdout


def test_a_configuration_with_mistakes_is_refused(place):
    give(place, "jane", {"p.ini": "[local]\nunknown = a b\n"})
    done = place.run(["sendmail", "-bv", "jane"], user="jane", env={"POSTBAG_CONFIG": "/home/jane/p.ini"})
    assert done.returncode == 78
    assert done.stderr == (b"postbag-flush: /home/jane/p.ini:2: unknown = a b: not bounce, smarthost or an address\n")


@pytest.mark.parametrize("words, status, text", [
    ([], 64, b"sendmail: -bv: there is no address to verify\n"),
    (["|touch x"], 65, b"commands, files and lists are for alias files only"),
    (["/etc/passwd"], 65, b"commands, files and lists are for alias files only"),
    ([":include:/etc/shadow"], 65, b"commands, files and lists are for alias files only"),
    (["a@b\x1b[2J"], 65, b"control character")])
def test_what_is_no_address_is_refused(place, words, status, text):
    done = place.run(["sendmail", "-bv", *words], user="jane")
    assert done.returncode == status and text in done.stderr and b"\x1b" not in done.stderr and done.stdout == b""


def test_root_runs_no_commands(place):
    place.path("/etc/aliases").write_text("cmd: |id\nfile: /var/log/x\nvoid: /dev/null\n")
    place.path("/root/p.ini").write_text(INI + "[local]\n" + ALIASES)
    env = {"POSTBAG_CONFIG": "/root/p.ini"}
    for name, last in (("cmd", "|id... deferred: 4.3.5 uid 0 never runs commands"),
                       ("file", "/var/log/x... deferred: 4.3.5 uid 0 never writes to files")):
        done = place.run(["sendmail", "-bv", name], env=env)
        assert (done.returncode, done.stdout.decode().splitlines()[-1]) == (75, last)
    done = place.run(["sendmail", "-bv", "void"], env=env)
    assert (done.returncode, done.stdout.decode().splitlines()[-1]) == (
        0, "/dev/null... deliverable: mailer *file*, user /dev/null")


# .forward: whatever is odd about it delays, and says why.

PLAIN = ["jane... deliverable: mailer local, user jane"]


@pytest.mark.parametrize("damage, reason", [
    ("true", None), ("rm .forward", None), (": > .forward; touch -d @1000000000 .forward", None),
    (": > .forward", None), ("echo '# nothing' > .forward", None),
    ("chmod 660 .forward", "/home/jane/.forward: can be written by group or others"),
    ("chmod 602 .forward", "/home/jane/.forward: can be written by group or others"),
    ("chmod 770 .", "/home/jane/.forward: its folder can be written by group or others"),
    ("chmod 703 .", "/home/jane/.forward: its folder can be written by group or others"),
    ("chmod 770 .; rm .forward", None),
    ("mv .forward real; ln -s real .forward", "/home/jane/.forward: is a symbolic link"),
    ("rm .forward; ln -s none .forward", "/home/jane/.forward: is a symbolic link"),
    ("rm .forward; mkfifo .forward", "/home/jane/.forward: is a FIFO"),
    ("rm .forward; mkdir .forward", "/home/jane/.forward: is a folder"),
    ("chmod 0 .forward", "/home/jane/.forward: open: Permission denied"),
    ("yes '#' | head -c 65537 > .forward", "/home/jane/.forward: larger than 65536 bytes"),
    ("yes '#' | head -c 65536 > .forward", None),
    ("printf 'a@x.test\\0\\n' > .forward", "/home/jane/.forward: holds a NUL byte"),
    ("printf 'a@x.test\\n(\\n' > .forward", "/home/jane/.forward:2: "),
    ("printf ':include:/none\\n' > .forward", ":include:/none: open: No such file or directory")])
def test_the_rules_for_a_forward_file(place, damage, reason):
    give(place, "jane", {".forward": "jane\n"})
    place.path("/home/jane").chmod(0o700)
    assert place.run(["sh", "-c", damage], user="jane").returncode == 0
    before = stat.S_IMODE(place.path("/home/jane").stat().st_mode)
    lines = verify(place, "jane", status=0 if reason is None else 75)
    assert stat.S_IMODE(place.path("/home/jane").stat().st_mode) == before
    if reason is None:
        assert lines[-1:] == PLAIN
    else:
        assert lines[-1].startswith(f"jane... deferred: 4.3.5 {reason}")


@pytest.mark.parametrize("owner, expected", [("root", PLAIN), ("bob", None)])
def test_who_owns_a_forward_file(place, owner, expected):
    give(place, "jane", {".forward": "jane\n"})
    uid = place.uids.get(owner, 0)
    path = place.path("/home/jane/.forward")
    os.chown(path, uid, uid)
    path.chmod(0o644)
    lines = verify(place, "jane", status=75 if expected is None else 0)
    assert lines[-1:] == (expected or [f"jane... deferred: 4.3.5 /home/jane/.forward: belongs to uid {uid}"])


def test_a_home_that_is_not_there_delays_but_for_one_that_never_is(place):
    place.path("/home/jane").rename(place.path("/home/away"))
    done = place.run(["sendmail", "-bv", "jane"], user="jane", cwd="/")
    assert done.returncode == 75
    assert done.stdout == b"jane... deferred: 4.3.5 home /home/jane: open: No such file or directory\n"
    passwd = place.path("/etc/passwd")
    passwd.write_text(passwd.read_text().replace(":/home/jane:", ":/nonexistent:"))
    done = place.run(["sendmail", "-bv", "jane"], user="jane", cwd="/")
    assert (done.returncode, done.stdout) == (0, b"jane... deliverable: mailer local, user jane\n")


def test_only_ones_own_forward_is_read(place):
    give(place, "bob", {".forward": "x@y.test\n"})
    place.path("/home/bob").chmod(0o755)
    place.path("/home/bob/.forward").chmod(0o644)
    assert verify(place, "bob", status=69)[0].startswith("bob... undeliverable: 5.2.0")


@pytest.mark.parametrize("owner, mode, text, ok", [
    ("jane", 0o600, "|id", True), ("root", 0o644, "|id", True), ("bob", 0o644, "|id", False), ("bob", 0o644, "x@y.test", True),
    ("jane", 0o660, "/tmp/x", False), ("bob", 0o644, ":include:/home/jane/secret", False)])
def test_who_may_name_commands_in_an_included_file(place, owner, mode, text, ok):
    give(place, "jane", {".forward": ":include:/etc/list\n"})
    path = place.path("/etc/list")
    path.write_text(text + "\n")
    os.chown(path, place.uids.get(owner, 0), place.uids.get(owner, 0))
    path.chmod(mode)
    lines = verify(place, "jane", ini=INI + RELAY, status=0 if ok else 75)
    assert ok or "are not used: /etc/list " in lines[-1]


def test_a_long_list_and_a_deep_one_need_little_stack(place):
    give(place, "jane", {".forward": ":include:/home/jane/list\n", "list": "".join(f"n{i}@x.test\n" for i in range(100000))})
    give(place, "jane", {"p.ini": INI + RELAY})
    env = {"POSTBAG_CONFIG": "/home/jane/p.ini"}
    script = 'ulimit -s 256; exec sendmail -bv jane'
    done = place.run(["sh", "-c", script], user="jane", env=env)
    assert done.returncode == 0 and done.stdout.count(b"deliverable: mailer relay") == 100000
    give(place, "jane", {"list": "(" * 100000 + "\n"})
    done = place.run(["sh", "-c", script], user="jane", env=env)
    assert done.returncode == 75 and b"deferred: 4.3.5 /home/jane/list:1: " in done.stdout
    give(place, "jane", {"list": ":include:/home/jane/list\n"})
    done = place.run(["sh", "-c", script], user="jane", env=env)
    assert done.returncode == 69 and b"5.4.6" in done.stdout
