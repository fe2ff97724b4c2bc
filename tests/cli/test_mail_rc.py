"""Start-up files of `mail`: what is obeyed, what is passed over, and what nobody may make it do."""

import os
import shutil
import subprocess

import pytest
from support.mail_reader import BANNER, Reader

# pylint: disable=redefined-outer-name


@pytest.fixture
def reader(tmp_path, programs):
    return Reader(tmp_path, programs, "six.mbox")


def with_rc(reader, text, mode=0o600, owner=None):
    """The reader's environment with this text as ~/.mailrc."""
    path = reader.home / ".mailrc"
    path.write_text(text)
    path.chmod(mode)
    if owner is not None:
        os.chown(path, owner, owner)
    return {"MAILRC": str(path)}


def run(reader, text, commands="", *options, **more):
    """(what was printed but for the banner and the summary, what it complained of)."""
    lines = commands + "\n" if commands else ""
    done = reader.run(lines + "exit\n", "-N", *options, env=with_rc(reader, text, **more), merged=False)
    assert done.returncode == 0
    said = done.stdout.decode().splitlines()
    begin = said.index(BANNER.rstrip())
    return said[:begin] + said[begin + 2:], done.stderr.decode().splitlines()


def test_settings_count_from_the_start(reader):
    said, complaints = run(reader, 'set crt=30 noheader prompt="? " \\\n  hold\nalias team bob "Ann <ann@x>"\n'
                           "# comment\n\nignore x-one\nretain from subject\n", "set\nalias\nretain\nignore")
    assert said == ["SHELL\t/bin/sh", "asksub\t", "crt\t30", "escape\t~", "hold\t", "indentprefix\t\t", "prompt\t? ",
                    "save\t", "toplines\t5", "team\t bob Ann <ann@x>", "from", "subject", "x-one"]
    assert not complaints


def test_the_home_s_file_is_read_without_mailrc(reader):
    with_rc(reader, "echo from home\n")
    env = {name: value for name, value in reader.env.items() if name != "MAILRC"}
    reader.env = env
    assert reader.run("x\n", "-N").stdout.startswith(b"from home\n")


def test_n_and_dev_null_mean_nothing_is_read(reader):
    with_rc(reader, "echo from home\n")
    assert b"from home" not in reader.run("x\n", "-N", env={"MAILRC": "/dev/null"}).stdout


@pytest.mark.parametrize("mode, problem", [(0o620, "others may write it"), (0o602, "others may write it")])
def test_a_file_that_others_may_write_is_not_read(reader, mode, problem):
    said, complaints = run(reader, "echo obeyed\n", mode=mode)
    assert not said
    assert complaints == [f"mail: {reader.home}/.mailrc: not read: {problem}"]


def test_a_file_of_somebody_else_is_not_read(reader):
    if os.geteuid() != 0:
        pytest.skip("giving a file away needs root")
    said, complaints = run(reader, "echo obeyed\n", owner=4321)
    assert not said
    assert complaints == [f"mail: {reader.home}/.mailrc: not read: it belongs to somebody else"]


def test_a_file_that_sources_another_s_stops_there(reader):
    other = reader.home / "other"
    other.write_text("echo other\n")
    other.chmod(0o666)
    said, complaints = run(reader, f"source {other}\necho mine\n")
    assert said == ["mine"] and complaints == [f"mail: {reader.home}/.mailrc:1: {other}: not read: others may write it"]
    other.chmod(0o600)
    done = reader.run("x\n", env=with_rc(reader, f"source {other}\necho mine\n"))
    assert done.stdout.startswith(b"other\nmine\n")


def test_files_in_a_circle_end(reader):
    complaints = run(reader, "source ~/.mailrc\n")[1]
    assert len(complaints) == 1 and complaints[0].endswith("too many files within files")


def test_commands_that_people_type_do_not_run(reader):
    made = reader.home / "made"
    lines = [f"!touch {made}", f"| touch {made}", "shell", "edit 1", "visual", "hold", "reply", "mail x", "Copy 1"]
    complaints = run(reader, "\n".join(lines) + f"\necho $(touch {made})\nset x=`touch {made}`\n"
                     f"set folder=$(touch {made}) record='|touch {made}'\n")[1]
    assert not made.exists()
    assert complaints[0] == f'mail: {reader.home}/.mailrc:1: May not execute "!" while sourcing'
    assert len([line for line in complaints if "while sourcing" in line]) >= 7


def test_what_nobody_knows_is_told_once(reader):
    complaints = run(reader, "set nosuchthing\nfrobnicate a\nset nosuchthing\nfrobnicate b\nset other=1 hold\n")[1]
    assert complaints == [
        f'mail: {reader.home}/.mailrc:1: unknown variable "nosuchthing"',
        f'mail: {reader.home}/.mailrc:2: Unknown command: "frobnicate"',
        f'mail: {reader.home}/.mailrc:5: unknown variable "other"']


def test_what_other_mailers_know_is_passed_over(reader):
    said, complaints = run(reader, """\
# s-nail's file, shortened
set v15-compat sendwait mta=smtp://x.example smtp-use-starttls from="J <j@x>" folder-hook=x
wysh set prompt='! ' indentprefix=' > '
colour iso mle-prompt fg=red
bind base $'\\cA' mle-go-home
define ask {
  echo never
  ! touch /nonexistent/x
}
account work {
  set record=+work
}
if terminal
  set a-b
endif
if [ "$features" =% +regex ]
  echo never
else
  echo never
endif
headerpick type retain from to
mimetype text/x-y y
commandalias xx echo hi
shortcut a b
""".replace("set a-b", "set hold"), "set indentprefix\nretain")
    assert said == ["from", "to"]
    assert not complaints


def test_conditions(reader):
    said, complaints = run(reader, "if r\necho r\nelse\necho s\nendif\nif s\necho s\nif r\necho no\nendif\nelse\n"
                           "echo not s\nendif\nif t\necho t\nelse\necho pipe\nendif\n")
    assert said == ["r", "not s", "pipe"]
    assert not complaints


def test_quit_ends_a_file(reader):
    assert run(reader, "echo before\nif r\nquit\nendif\necho behind\n") == (["before"], [])


def test_an_if_ends_with_its_file(reader):
    said, complaints = run(reader, "if s\necho no\n", "echo yes")
    assert said == ["yes"]
    assert complaints == [f'mail: {reader.home}/.mailrc: "if" without matching "endif"']


def test_source_in_a_session(reader):
    (reader.home / "more").write_text("set hold\necho more $HOME\n!touch made\nfrob\nfrom 9\nfrom 1\nfrom 9\n")
    done = reader.run("source more\nsource nosuch\nsource\nexit\n", "-N")
    said = done.stdout.decode().splitlines()[2:]
    assert said == [
        f"more {reader.home}", "!", 'mail: more:4: Unknown command: "frob"', "mail: more:5: 9: Invalid message number",
        said[4], "mail: more:7: 9: Invalid message number", "nosuch: No such file or directory", "No file specified."]
    assert said[4].startswith(">N  1 ")
    assert (reader.home / "made").exists() and done.returncode == 0


@pytest.mark.parametrize("options, told", [((), 0), (("-v",), 1)])
def test_who_sends_from_a_program_is_not_told_of_a_file_that_is_not_read(reader, options, told):
    with_rc(reader, "set x\n", 0o666)
    done = subprocess.run([str(reader.mail), "-n", *options, "-S", "sendmail=/bin/true", "-s", "x", "jane@example.org"],
                          input=b"text\n", env={name: value for name, value in reader.env.items() if name != "MAILRC"},
                          cwd=reader.home, timeout=30, capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stderr.decode().count("others may write it") == told


def test_s_goes_before_the_files(reader):
    said, _ = run(reader, "set crt=1 toplines=2\n", "set", "-S", "crt=9", "-S", "askcc")
    assert "crt\t9" in said and "toplines\t2" in said and "askcc\t" in said


def test_the_environment_gives_posix_s_seven_and_no_more(reader):
    done = reader.run("set\nx\n", "-N", env={"PAGER": "p", "EDITOR": "e", "VISUAL": "v", "LISTER": "l", "DEAD": "d",
                                             "MBOX": "m", "interactive": "1", "sendmail": "/bin/false", "hold": "1"})
    names = [line.split("\t")[0] for line in done.stdout.decode().splitlines()[2:]]
    assert names == ["DEAD", "EDITOR", "LISTER", "MBOX", "PAGER", "SHELL", "VISUAL", "asksub", "escape", "indentprefix",
                     "prompt", "save", "toplines"]


def test_the_system_s_file_comes_first(world, programs):
    made = world(users=["jane"])
    shutil.copy(programs["mail"], made.path("/usr/bin/mail"))
    box = made.path("/var/mail/jane")
    box.write_text("From a@b Sat Jan  2 08:50:01 2021\nSubject: x\n\nx\n\n")
    os.chown(box, made.uids["jane"], made.uids["jane"])
    made.path("/etc/mail.rc").write_text("echo system\nset a-system\nset toplines=1\n".replace("set a-system\n", ""))
    mailrc = made.path("/home/jane/.mailrc")
    mailrc.write_text("echo user\nset toplines=2\n")
    os.chown(mailrc, made.uids["jane"], made.uids["jane"])

    def session(*options):
        done = made.run(["mail", "-N", *options], user="jane", input=b"set\nignore\nx\n")
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().splitlines()

    said = session()
    assert said[:2] == ["system", "user"] and "toplines\t2" in said and said[-1] == "No fields currently being ignored."
    assert session("-n")[:1] == ["user"]
    made.path("/etc/mail.rc").unlink()
    said = session()
    assert said[0] == "user" and "dot\t" in said and "crt\t" in said and said[-1] == "via"
    assert session("-n")[-1] == "No fields currently being ignored."
