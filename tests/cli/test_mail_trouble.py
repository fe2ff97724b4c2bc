"""Sessions of `mail` in which something is not as it should be, and what must stay as it was."""

import signal
import subprocess

import pytest
from support.mail_reader import FORTY_FIVE, Reader

# pylint: disable=redefined-outer-name


@pytest.fixture
def reader(tmp_path, programs):
    """reader(box): a Reader of that mailbox."""
    return lambda box="six.mbox": Reader(tmp_path, programs, box)


def test_inc_shows_what_was_announced(reader):
    person = reader()
    with person.at_terminal("-N") as session:
        for number in (7, 8):
            session.expect(b"& ")
            with open(person.box, "a", encoding="utf-8") as box:
                box.write(f"From late{number}@x Mon Mar  4 10:00:00 2024\nSubject: late\n\nlate\n\n")
            session.send(b"=\n")
            session.expect(b"New mail has arrived.\r\n")
        session.expect(b"& ")
        session.send(b"inc\n")
        session.expect(b"8 messages 5 new 7 unread\r\n")
        session.expect(b"& ")
        session.send(b"=\n")
        session.expect(b"\r\n7\r\n")
        session.send(b"inc\n")
        session.expect(b"No new mail.\r\n")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0


def test_trouble_with_looking_for_new_mail_is_told_once(reader):
    person = reader()
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        person.box.write_text("something else\n")
        for _ in range(3):
            session.send(b"=\n")
            session.expect(b"& ")
        session.send(b"x\n")
        session.finish()
    assert session.output.count(b"changed") == 1
    assert session.status == 0


def test_the_second_end_of_the_input_is_the_end(reader):
    person = reader()
    done = person.run(f"d 1\n!echo other >'{person.box}'\n", "-I", "-N")
    assert done.returncode == 75
    assert done.stdout.count(b"changed") in (2, 3)  # at the prompt, and as often as it was tried
    assert person.box.read_text() == "other\n"


@pytest.mark.parametrize("sink", ["| head -c 10 >/dev/null", ">/dev/full"])
def test_what_nobody_could_see_is_not_read(reader, sink):
    person = reader("".join(FORTY_FIVE for _ in range(60)))
    before = person.box.read_bytes()
    script = '{ printf "print *\\ncopy 1 copied\\n" | "$1" -n; echo $? >status; } ' + sink
    done = subprocess.run(["sh", "-c", script, "sh", person.mail], env=person.env, cwd=person.home, timeout=60,
                          capture_output=True, check=False)
    assert b"mail: standard output: write: " in done.stderr
    assert (person.home / "status").read_text() == "74\n"
    assert person.box.read_bytes() == before
    assert {path.name for path in person.home.iterdir()} == {"status"}


def test_a_script_learns_what_failed(reader):
    person = reader()
    assert person.run("save 1 nosuch/file\nexit\n").returncode == 75
    assert person.run("print 99\nfrob\nunset nosuch\ncd nosuch\nexit\n").returncode == 0
    done = person.run("delete 2\nsave 1 /dev/full/x\nquit\n")
    assert done.returncode != 0 and b"\nHeld 5 messages in " in done.stdout
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        session.send(b"save 1 nosuch/file\n")
        session.expect(b"No such file or directory")
        session.expect(b"& ")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0


def test_unread_takes_back_that_a_message_goes(reader):
    person = reader()
    assert person.run("save 1 file\nmbox 2\nunread 1 2\nquit\n").returncode == 0
    lines = person.run("exit\n").stdout.decode().splitlines()
    assert lines[1] == f'"{person.box}": 6 messages 5 unread'
    assert not (person.home / "mbox").exists()


def test_undelete_leaves_alone_what_was_not_deleted(reader):
    lines = reader().lines("delete 2\nundelete 1-3\nfrom 1-3")
    assert [line[1] for line in lines] == ["N", " ", "N"]


def test_a_flag_taken_away_is_away(reader):
    person = reader()
    person.run("flag 1 2\nquit\n")
    said = person.lines("unflag 1\nfrom :f\nsort status\nset screen=1\nheaders 6\nZ-\nZ-")
    assert said[0] == said[1].replace(">", " ", 1) or said[0][1:] == said[1][1:]
    assert said[0][2:5] == "  2" and said[1][2:5] == "  2"
    assert said[-1] == "On first screenful of messages" and said[-2][2:5] == "  2"


def test_commands_get_the_caller_s_umask_and_signals(reader):
    person = reader()
    editor = person.home / "editor"
    editor.write_text("#!/bin/sh\numask >edited\n")
    editor.chmod(0o755)
    script = 'umask 027; trap "" INT; exec "$1" -n'
    commands = ("!umask >made; grep SigIgn /proc/self/status >signals\npipe 1 umask >piped\nset EDITOR=./editor\nedit 1\n"
                "copy 1 copied\nexit\n")
    done = subprocess.run(["sh", "-c", script, "sh", person.mail], input=commands.encode(), env=person.env,
                          cwd=person.home, timeout=30, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("made", "piped", "edited"):
        assert (person.home / name).read_text() == "0027\n", name
        assert (person.home / name).stat().st_mode & 0o777 == 0o640
    assert (person.home / "copied").stat().st_mode & 0o777 == 0o600
    ignored = int((person.home / "signals").read_text().split()[1], 16)
    assert ignored & 1 << (signal.SIGINT - 1) and not ignored & 1 << (signal.SIGQUIT - 1)
    assert not ignored & 1 << (signal.SIGPIPE - 1)


def test_a_message_that_another_program_removed_is_passed_over(reader):
    person = reader(None)
    for folder in ("cur", "new", "tmp"):
        (person.box / folder).mkdir(parents=True)
    for number in range(1, 5):
        (person.box / f"new/{number}.a").write_text(f"From: u{number}@x\nSubject: same\n\nbody\n")
    commands = ["!rm box/new/2.a box/new/4.a".replace("box", str(person.box)), "headers", "from /same", "size 1 2", "from 2",
                "search same", "sort subject", "thread"]
    said = person.lines("\n".join(commands), "-f", f"{person.box}/")
    listed = [int(line[2:5]) for line in said if line[2:5].strip().isdigit()]
    assert listed == [1, 3] * 5
    assert [line for line in said if "removed by another program" in line] == said[6:7]


@pytest.mark.parametrize("command", ["-N", "-H", "-p"])
def test_nothing_is_read_where_standard_output_is_closed(reader, command):
    person = reader()
    before = person.box.read_bytes()
    done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-', person.mail, "-n", command], env=person.env, cwd=person.home,
                          input=b"p 1\nq\n", stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (74, b"mail: standard output: closed\n")
    assert person.box.read_bytes() == before and not (person.home / "mbox").exists()


def test_all_is_printed_and_no_more(reader):
    person = reader()
    before = person.box.read_bytes()
    for option in ("-p", "--print", "--read"):
        done = person.run("", option)
        assert done.returncode == 0 and done.stdout.startswith(b"Message 1:\n") and b"\nMessage 6:\n" in done.stdout
        assert b"Mail version" not in done.stdout and person.box.read_bytes() == before
    assert person.run("", "-p", "-f", "/dev/null").stdout == b"No applicable messages\n"


def test_commands_of_the_command_line_are_typed_first(reader):
    person = reader()
    done = person.run("=\n", "-N", "-X", "set quiet", "-Y", "p 2", "-Y", "exit")
    assert done.returncode == 0 and b"Mail version" not in done.stdout
    assert b"\nMessage 2:\n" in b"\n" + done.stdout and not done.stdout.endswith(b"\n2\n")


def test_a_mailbox_that_is_not_there_fails_a_script(reader):
    person = reader()
    done = person.run("file archive-missing\nx\n", "-N")
    assert done.returncode == 66 and b"archive-missing: No such file or directory\n" in done.stdout


def test_the_end_is_cut_off_where_no_journal_can_be_kept(reader):
    stored = [f"From m{i}@x Sat Jan  2 08:50:01 2021\nSubject: s{i}\nStatus: RO\n\nbody\n\n" for i in range(3)]
    person = reader("".join(stored))
    (person.home / ".local").write_text("in the way")
    assert person.run("set hold\ndelete 3\nquit\n", "-N").returncode == 0
    assert person.box.read_text() == "".join(stored[:2])
    assert person.run("delete *\nquit\n", "-N").returncode == 0
    assert person.box.read_text() == ""
