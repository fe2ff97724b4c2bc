"""A session of `mail`: the screens of bsd-mailx to the byte, message lists, states, errors."""

import os
import pwd
import shutil
import signal
import subprocess

import pytest
from support.mail_reader import BANNER, FORTY_FIVE, Reader, raw_screen

# pylint: disable=redefined-outer-name
REFERENCE = """\
>N  1 root@funlife       Sat Jan  2 08:50   39/585   apt-listchanges: news for f
 N  2 logcheck@averyver  Sun Feb  2 23:59    8/394   Cron <root@funlife> test -x
 N  3 logcheck@averyver  Sun Feb  3 23:59    8/394   Cron <root@funlife> test -x
 N  4 logcheck@averyver  Sun Feb  4 23:59    8/394   Cron <root@funlife> test -x
 N  5 logcheck@averyver  Sun Feb  5 23:59    8/394   Cron <root@funlife> test -x
 N  6 logcheck@averyver  Sun Feb  6 23:59    8/394   Cron <root@funlife> test -x
 N  7 logcheck@averyver  Sun Feb  7 23:59    8/394   Cron <root@funlife> test -x
 N  8 logcheck@averyver  Sun Feb  8 23:59    8/394   Cron <root@funlife> test -x
 N  9 logcheck@averyver  Sun Feb  9 23:59    8/394   Cron <root@funlife> test -x
 N 10 logcheck@averyver  Sun Feb 10 23:59    8/396   Cron <root@funlife> test -x
 N 11 logcheck@averyver  Sun Feb 11 23:59    8/396   Cron <root@funlife> test -x
 N 12 logcheck@averyver  Sun Feb 12 23:59    8/396   Cron <root@funlife> test -x
"""
WIDE_END = "Cron <root@funlife> test -x /usr/sbin/anacron || ( cd / && run-parts --report /"
FIXTURE = """\
 N  1 root@funlife       Sat Jan  2 08:50   22/627   apt-listchanges: news for f
 N  2 alice@example.org  Mon Mar  4 10:11   46/1605  report with attachment
 N  3 jalal@example.ir   Tue Mar  5 09:00   13/431   Grüße aus 東京 ☕
 U  4 news@shop.example  Wed Mar  6 07:07   11/547   HTML only: big sale & more,
    5 pierre@exemple.fr  Thu Mar  7 18:00   12/294   résumé d'été
 U  6 MAILER-DAEMON      Fri Mar  8 01:02   12/185   """.split("\n")


@pytest.fixture
def reader(tmp_path, programs):
    """reader(box): a Reader of that mailbox."""
    return lambda box="six.mbox": Reader(tmp_path, programs, box)


def of_fixture(*numbers, dot=None):
    """Header lines of six.mbox."""
    return [(">" if number == dot else " ") + FIXTURE[number - 1][1:] for number in numbers]


def test_the_reference_session_at_a_terminal(reader):
    person = reader("ref.mbox")
    with person.at_terminal() as session:
        session.expect(b"& ")
        session.send(b"q\n")
        session.finish()
    assert session.status == 0
    assert raw_screen(session.output) == (
        BANNER + f'"{person.box}": 12 messages 12 new\n' + REFERENCE + f"& q\nHeld 12 messages in {person.box}\n")


def test_the_reference_session_from_a_pipe(reader):
    person = reader("ref.mbox")
    done = person.run("q\n")
    assert done.returncode == 0
    assert done.stdout.decode() == (
        BANNER + f'"{person.box}": 12 messages 12 new\n' + REFERENCE + f"Held 12 messages in {person.box}\n")


@pytest.mark.parametrize("columns", [132, 40])
def test_headers_are_cut_at_the_width_of_the_terminal(reader, columns):
    person = reader("ref.mbox")
    with person.at_terminal(columns=columns) as session:
        session.expect(b"& ")
        session.send(b"x\n")
        session.finish()
    lines = raw_screen(session.output).splitlines()[2:14]
    if columns == 40:
        assert lines == [line[:40] for line in REFERENCE.splitlines()]
    else:
        assert lines[0] == REFERENCE.splitlines()[0] + "unlife"
        assert lines[1] == REFERENCE.splitlines()[1][:53] + WIDE_END


def test_no_terminal_means_eighty_columns(reader):
    done = reader("ref.mbox").run("x\n", env={"COLUMNS": "100"})
    assert done.stdout.decode().splitlines()[2:] == REFERENCE.splitlines()


def z_lines(first, last, dot):
    return "".join(f"{'>' if i == dot else ' '}N {i:2} u{i}@x{'' if i > 9 else ' '}              Mon Mar  4 10:{i:02}    7/"
                   f"{97 if i > 9 else 92}    subject {i}\n" for i in range(first, last + 1))


def test_headers_come_by_the_page(reader):
    person = reader(FORTY_FIVE)
    typed = ["z", "z", "z", "z-", "h 30", "=", "h", "z-", "z-", "Z", "z x"]
    with person.at_terminal() as session:
        for line in typed:
            session.expect(b"& ")
            session.send(line.encode() + b"\n")
        session.expect(b"& ")
        session.send(b"x\n")
        session.finish()
    page = {1: z_lines(1, 20, 1), 2: z_lines(21, 40, 21), 3: z_lines(41, 45, 41)}
    answers = [page[2], page[3], "On last screenful of messages\n", page[2], page[2], "21\n", page[2], page[1],
               "On first screenful of messages\n", page[2], 'Unrecognized scrolling command "x"\n']
    assert raw_screen(session.output) == (
        BANNER + f'"{person.box}": 45 messages 45 new\n' + page[1]
        + "".join(f"& {line}\n{answer}" for line, answer in zip(typed, answers)) + "& x\n")


def test_screen_says_how_long_a_page_is(reader):
    person = reader(FORTY_FIVE)
    assert person.lines("set screen=3\nz\nh 45") == (z_lines(4, 6, 4) + z_lines(43, 45, 43)).splitlines()


def test_the_summary_counts(reader):
    person = reader()
    assert person.run("x\n").stdout.decode().splitlines() == [
        BANNER.rstrip(), f'"{person.box}": 6 messages 3 new 5 unread', *of_fixture(1, 2, 3, 4, 5, 6, dot=1)]


def test_what_was_seen_once_is_old(reader):
    person = reader()
    person.run("q\n")
    lines = person.run("x\n").stdout.decode().splitlines()
    assert lines[1] == f'"{person.box}": 6 messages 5 unread'
    assert [line[1] for line in lines[2:]] == ["U", "U", "U", "U", " ", "U"]


def test_no_mail(reader):
    person = reader(None)
    login = pwd.getpwuid(os.getuid()).pw_name
    for box in (None, ""):
        if box is not None:
            person.box.write_text(box)
        done = person.run(merged=False)
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", f"No mail for {login}\n".encode())
        assert (person.run("", "-e").returncode, person.run("", "-e").stdout) == (1, b"")
        assert person.run("", "-H").returncode == 1


def test_e_asks_and_says_nothing(reader):
    person = reader()
    before = person.box.read_bytes()
    done = person.run("", "-e")
    assert (done.returncode, done.stdout, person.box.read_bytes()) == (0, b"", before)
    assert person.run("", "-e", "-f", "nosuch").returncode == 1


def test_capital_h_lists_and_changes_nothing(reader):
    person = reader(FORTY_FIVE)
    before = person.box.read_bytes()
    done = person.run("", "-H")
    assert (done.returncode, done.stdout.decode()) == (0, z_lines(1, 45, 1))
    assert person.box.read_bytes() == before


def test_a_reader_of_headers_may_go_away(reader):
    person = reader("".join(FORTY_FIVE for _ in range(60)))
    done = subprocess.run(["sh", "-c", '"$1" -n -H | head -n 1', "sh", person.mail], env=person.env, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.stdout.decode() == z_lines(1, 1, 1)


def test_read_only(reader):
    person = reader()
    before = person.box.read_bytes()
    done = person.run("d 1\nhold 1\np 1\nq\n", "-N", "-R")
    assert done.returncode == 0 and person.box.read_bytes() == before
    lines = done.stdout.decode().splitlines()
    assert lines[1:4] == [f'"{person.box}": 6 messages 3 new 5 unread [Read only]',
                          'May not execute "delete" -- message file is read only',
                          'May not execute "hold" -- message file is read only']


def test_capital_i_prompts_although_nobody_types(reader):
    done = reader().run("=\nx\n", "-N", "-I")
    assert done.stdout.endswith(b"unread\n& 1\n& ")


def test_another_s_mailbox(world, programs):
    made = world(users=["jane", "tom"])
    shutil.copy(programs["mail"], made.path("/usr/bin/mail"))
    box = made.path("/var/mail/jane")
    box.write_text(FORTY_FIVE)
    os.chown(box, made.uids["jane"], made.uids["jane"])
    done = made.run(["mail", "-n", "-u", "jane", "-H"], user="root")
    assert done.stdout.decode() == z_lines(1, 45, 1)
    done = made.run(["mail", "-n", "-u", "tom"], user="root")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"No mail for tom\n")
    done = made.run(["mail", "-n", "-u", "tom", "-e"], user="root")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    box.chmod(0o600)
    done = made.run(["mail", "-n", "-u", "jane"], user="tom")
    assert done.returncode == 1 and b"Permission denied" in done.stderr


@pytest.mark.parametrize("options, said", [
    (["-f", "nosuch"], "mail: nosuch: No such file or directory\n"),
    (["-f", "folder"], "mail: folder: Is a directory\n"),
    (["-u", "nosuchuser"], '"nosuchuser" is not a user of this system\n'),
])
def test_what_cannot_be_opened(reader, options, said):
    person = reader()
    (person.home / "folder").mkdir()
    done = person.run("", *options, merged=False)
    assert (done.returncode, done.stdout, done.stderr.decode()) == (1, b"", said)


def test_a_file_without_messages_is_an_empty_mailbox(reader):
    person = reader()
    (person.home / "prose").write_text("no mail at all\n")
    done = person.run("", "-f", "prose", merged=False)
    assert done.returncode == 0
    assert done.stdout.decode().startswith(BANNER + '"prose": 0 messages\n')


@pytest.mark.parametrize("options", ["-fN", "-Nf"])
def test_f_takes_an_operand_not_an_argument(reader, options):
    person = reader()
    done = person.run("x\n", options, str(person.box))
    assert done.stdout.decode() == BANNER + f'"{person.box}": 6 messages 3 new 5 unread\n'


def test_quiet_and_noheader(reader):
    person = reader()
    (person.home / "rc").write_text("set quiet noheader\n")
    done = person.run("x\n", env={"MAILRC": str(person.home / "rc")})
    assert done.stdout.decode() == f'"{person.box}": 6 messages 3 new 5 unread\n'


def test_message_lists(reader):
    person = reader()
    assert person.lines("=\nf 2-3\n=\nf $\nf ^\nf .\nf +\nf -\n=") == [
        "1", *of_fixture(2, 3), "3", *of_fixture(6), *of_fixture(1), *of_fixture(1, dot=1), *of_fixture(2),
        *of_fixture(1), "1"]
    assert person.lines("f *\nf 3-1") == [*of_fixture(*range(1, 7), dot=1), *of_fixture(1, 2, 3)]


def test_lists_by_state(reader):
    assert reader().lines("f :n\nf :o\nf :r\nf :u\nf :d\nf :z") == [
        *of_fixture(1, 2, 3, dot=1), *of_fixture(4, 6), *of_fixture(5), *of_fixture(1, 2, 3, 4, 6),
        "No messages satisfy :d", 'Unknown colon modifier ":z"']


def test_lists_by_subject_and_name(reader):
    assert reader().lines("f /report\nf /REPORT\nf /aus\nf /nosuch\nf alice\nf alice@example.org\nf Alice\n"
                          "f Alice jalal\nf nobody@nowhere") == [
        *of_fixture(2), *of_fixture(2, dot=2), *of_fixture(3), "No applicable messages from {/nosuch}", *of_fixture(2),
        *of_fixture(2, dot=2), *of_fixture(2, dot=2), *of_fixture(2, 3, dot=2),
        "No applicable messages from {nobody@nowhere}"]


def test_mistakes_end_nothing(reader):
    assert reader().lines("f 99\nf 0\nf 1-99\nf foo bar\nnosuchcmd\nzz\np 99\nsize 1-3") == [
        "99: Invalid message number", "0: Invalid message number", "99: Invalid message number",
        "No applicable messages from {foo, bar}", 'Unknown command: "nosuchcmd"', 'Unknown command: "zz"',
        "99: Invalid message number", "1: 22/627", "2: 46/1605", "3: 13/431"]


def test_deleted_messages_and_back(reader):
    two = " " + "  " + FIXTURE[1][3:]
    assert reader().lines("d 2\nh\nu 2\nf 2\nd 1 3-4\nf *\nf :d\nu\n=\nu 1 3\nd 99\nd 3\n=\nf 3") == [
        *of_fixture(1), *of_fixture(3, 4, 5, 6, dot=3), ">" + two[1:],
        two, *of_fixture(5, 6, dot=5), "No messages satisfy :d", "4", "99: Invalid message number", "4",
        "3: Inappropriate message"]


def test_delete_and_print_to_the_end(reader):
    lines = reader().lines("5\ndp\ndp\ndp\ndp\ndp\ndp\ndp\ndp")
    assert [line for line in lines if line.startswith(("At EOF", "No "))] == [
        "At EOF", "At EOF", "At EOF", "At EOF", "No more messages", "No applicable messages", "No applicable messages"]
    assert "dot line above" in lines


def test_lines_without_a_command_print(reader):
    lines = reader().lines("\n\n4\n+\n-\n$\nn")
    assert [line for line in lines if line.startswith(("Message ", "At EOF"))] == [
        "Message 1:", "Message 2:", "Message 4:", "Message 5:", "Message 4:", "Message 6:", "At EOF"]


def test_next_after_delete_prints_what_was_not_printed(reader):
    lines = reader().lines("next 3\ndelete 3\nnext")
    assert [line for line in lines if line.startswith("Message ")] == ["Message 3:", "Message 4:"]


def test_marks_show_in_the_list(reader):
    lines = reader().lines("hold 5\nunread 5\nf 5\nnew 5\nf 5\nhold 1\nf 1\nflag 1\nf :f\nunflag 1\nf :f")
    assert lines == [">U" + FIXTURE[4][2:], ">N" + FIXTURE[4][2:], *of_fixture(1, dot=1), *of_fixture(1, dot=1),
                     "No messages satisfy :f"]


def test_autoprint(reader):
    lines = reader().lines("set autoprint\nd 1")
    assert lines[0] == "Message 2:"


def test_variables_and_aliases(reader):
    assert reader().lines("set foo\nunset foo\nunset foo\nset foo=bar\nset nofoo\nunset foo\nalias\nalias a b c\nalias a d\n"
                          "alias a\nalias\nunalias a\nalias a\nalternates\nalternates x@y z\nalternates\nignore\nretain\n"
                          "discard X Received\nignore\nunignore *\nignore") == [
        '"foo": undefined variable', '"foo": undefined variable', "a\t b c d", "a\t b c d", '"a": not a group', "x@y z ",
        "No fields currently being ignored.", "No fields currently being retained.", "received", "x",
        "No fields currently being ignored."]


def test_set_lists_what_is_set(reader):
    assert reader().lines("set append\nset") == [
        "SHELL\t/bin/sh", "append\t", "asksub\t", "escape\t~", "indentprefix\t\t", "prompt\t& ", "save\t", "toplines\t5"]


def test_conditions(reader):
    assert reader().lines('if s\necho send\nelse\necho recv\nendif\nif r\necho R\nif t\necho T\nendif\nendif\nif z\nendif') == [
        "recv", "R", 'Unrecognized if-keyword: "z"', '"Endif" without matching "if"']


def test_the_shell_and_folders(reader):
    person = reader()
    (person.home / "x y").write_text("a\n")
    assert person.lines("!pwd\ncd /tmp\n!pwd\ncd\n!cat 'x y'\nset bang\n!echo one\n!! two\n!echo \\!\ncd nosuch\n"
                        "echo hi  there ~ $(id)\n# comment\nunset bang\n!echo a!") == [
        str(person.home), "!", "/tmp", "!", "a", "!", "one", "!", "!echo one two", "one two", "!", "!echo !", "!", "!",
        "nosuch: No such file or directory", f"hi there {person.home} $(id)", "a!", "!"]


def test_help(reader):
    lines = reader().lines("help delete\nhelp u\nhelp zz\nversion\nlist")
    assert lines[:3] == ["d[elete] [messages]  delete messages", "u[ndelete] [messages]  take back a delete",
                         'Unknown command: "zz"']
    assert lines[3] == f"Version {BANNER.split()[2].rstrip('.')}"
    assert lines[4] == "Commands are:"
    named = {word.strip() for line in lines[5:] for word in line.split(",")}
    assert {"print", "next", "delete", "z", "=", "!", "headers", "quit", "alias"} <= named


def test_the_overview_is_bsd_mailx_s(reader):
    person = reader()
    assert person.lines("?") == person.lines("help")
    assert person.lines("?")[:3] == ["Mail Command\t\t\tDescription", f"{'-' * 25}\t{'-' * 44}",
                                     "t [message list]\t\ttype message(s)."]


def test_every_command_is_explained(reader):
    person = reader()
    listed = person.lines("list")[1:]
    names = [word.strip() for line in listed for word in line.split(",") if word.strip()]
    explained = person.lines("".join(f"help {name}\n" for name in names).rstrip("\n"))
    assert len(explained) == len(names)
    for name, line in zip(names, explained):
        assert line.replace("[", "", 1).replace("]", "", 1).startswith(name), line
        assert len(line.split("  ", 1)[1]) > 3, line


def test_edit_shows_a_copy(reader):
    person = reader()
    before = person.box.read_bytes()
    done = person.run("edit 1\nvisual 1\nx\n", "-N", env={"EDITOR": "sed -n 1p", "VISUAL": "sh -c 'echo gone > $0'"})
    assert "From root@funlife Sat Jan  2 08:50:01 2021" in done.stdout.decode().splitlines()
    assert person.box.read_bytes() == before


def test_escape_sequences_never_reach_the_screen(reader):
    person = reader("From a@b Sat Jan  2 08:50:01 2021\nFrom: \x1b[31m@x\nSubject: \x1b]0;owned\x07 \x9b\n\nx\n\n")
    done = person.run("f 1\nf \x1b[31mfoo\nzz\x1b\x07\nx\n")
    assert not set(b"\x1b\x07") & set(done.stdout)


def test_long_commands_go_on_in_the_next_line(reader):
    person = reader()
    assert person.lines("f 1 \\\n3 \\\n5") == of_fixture(1, 3, 5, dot=1)
    assert person.lines("! true \\\\\n=") == ["!", "1"]


def test_hangup_and_termination_leave_the_mailbox(reader):
    person = reader()
    before = person.box.read_bytes()
    for number in (signal.SIGHUP, signal.SIGTERM):
        with person.at_terminal() as session:
            session.expect(b"& ")
            session.send(b"d 1\n")
            session.expect(b"& ")
            os.kill(session.pid, number)
            session.finish()
        assert session.status == -number
        assert person.box.read_bytes() == before


def test_interrupt_abandons_the_line(reader):
    with reader().at_terminal() as session:
        session.expect(b"& ")
        session.send(b"d 1")
        session.expect(b"d 1")
        session.send(b"\x03")
        session.expect(b"Interrupt\r\n")
        session.expect(b"& ")
        session.send(b"=\n")
        session.expect(b"=\r\n1\r\n")
        session.send(b"f :n\n")
        session.expect(b"& ")
        session.expect(b"& ")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0


def test_end_of_file_quits_unless_it_is_ignored(reader):
    person = reader()
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        session.send(b"set ignoreeof\n")
        session.expect(b"& ")
        session.send(b"\x04")
        session.expect(b'Use "quit" to quit.\r\n')
        session.expect(b"& ")
        session.send(b"unset ignoreeof\n")
        session.expect(b"& ")
        session.send(b"\x04")
        session.expect(f"Held 6 messages in {person.box}\r\n".encode())
        session.finish()
    assert session.status == 0


def test_new_mail_is_announced_before_the_prompt(reader):
    person = reader()
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        with open(person.box, "a", encoding="utf-8") as box:
            box.write("From late@x Mon Mar  4 10:00:00 2024\nSubject: late\n\nlate\n\n")
        session.send(b"=\n")
        session.expect(b"New mail has arrived.\r\n")
        session.expect(b"& ")
        session.send(b"f 7\n")
        session.expect(b" N  7 late@x             Mon Mar  4 10:00    5/58    late\r\n")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0
