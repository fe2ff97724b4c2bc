"""`mail` shows messages, pages them, takes them apart and pipes them."""

import os
import re
import signal
import stat

import pytest
from support.mail_reader import Reader, raw_screen, wait_until

# pylint: disable=redefined-outer-name
PLAIN = """\
From root@funlife Sat Jan  2 08:50:01 2021
Received: from x
\tby y
To: root@funlife
Subject: plain news
From: root <root@funlife>

first line
>From here on, quoted
 -- bye

"""
ALTERNATIVE = """\
From alice@example.org Mon Mar  4 10:11:12 2024
From: =?utf-8?q?J=C3=BCrgen?= <alice@example.org>
Subject: report
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="OUTER"

--OUTER
Content-Type: multipart/alternative; boundary="INNER"

--INNER
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Hello J=C3=BCrgen,
plain part =E2=82=AC 5.

--INNER
Content-Type: text/html; charset=utf-8

<p>not this</p>
--INNER--

--OUTER
Content-Type: application/octet-stream; name="data.bin"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="../data.bin"

AAECAw==
--OUTER
Content-Type: text/csv
Content-Disposition: attachment; filename="tab.csv"

a,b
--OUTER--

"""
HTML = """\
From news@shop.example Wed Mar  6 07:07:00 2024
Subject: HTML only
Content-Type: text/html

<html><head><style>p{}</style><script>evil()</script></head><body><h1>Sale!</h1>
<p>Up to 50% off &mdash; <a href="https://shop.example/">click</a></p></body></html>

"""
LATIN1 = b"""\
From pierre@exemple.fr Thu Mar  7 18:00:00 2024
Subject: r\xe9sum\xe9
Content-Type: text/plain; charset=iso-8859-1

Voil\xe0 l'\xe9t\xe9

"""
CONTROLS = """\
From MAILER-DAEMON Fri Mar  8 01:02:00 2024
Subject: \x1b]0;title\x07

\x1b[31mred\x1b[0m\x07 \u202eevil\u202c \u009b31m

"""
BOX = (PLAIN + ALTERNATIVE + HTML).encode() + LATIN1 + CONTROLS.encode()
# What stands in the place of the invisible is U+FFFD.
SHOWN = "Message 5:\nFrom MAILER-DAEMON Fri Mar  8 01:02:00 2024\nSubject: ␛]0;title␇\n\n␛[31mred␛[0m␇ \ufffdevil\ufffd \ufffd31m\n\n"


class Person(Reader):
    def __init__(self, folder, programs):
        super().__init__(folder, programs, None)
        self.box.write_bytes(BOX)

    def says(self, commands, **more):
        """What is printed behind the banner; the mailbox stays as it is."""
        done = self.run(f"{commands}\nexit\n", "-N", **more)
        assert done.returncode == 0, done.stdout
        return done.stdout.decode().split("\n", 2)[2]


@pytest.fixture
def person(tmp_path, programs):
    return Person(tmp_path, programs)


def test_a_plain_message_looks_as_in_bsd_mailx(person):
    assert person.says("ignore received\np 1") == (
        "Message 1:\nFrom root@funlife Sat Jan  2 08:50:01 2021\nTo: root@funlife\nSubject: plain news\n"
        "From: root <root@funlife>\n\nfirst line\nFrom here on, quoted\n -- bye\n\n")
    assert "Received: from x\n\tby y\n" in person.says("ignore received\nP 1")
    assert person.says("retain subject\nt 1").split("\n\n")[0].splitlines()[2:] == ["Subject: plain news"]


def test_a_plain_message_needs_no_helper(person, tmp_path, programs):
    alone = tmp_path / "bin"
    alone.mkdir()
    person.mail = alone / "mail"
    os.link(programs["mail"], person.mail)
    assert "first line\n" in person.says("p 1")


def test_without_the_helper_a_message_is_shown_as_it_stands(person, tmp_path, programs):
    alone = tmp_path / "bin"
    alone.mkdir()
    person.mail = alone / "mail"
    os.link(programs["mail"], person.mail)
    shown = person.says("p 2\np 1")
    assert "[-- not decoded: " in shown and "Hello J=C3=BCrgen,\n" in shown and "first line\n" in shown


def test_multiparts_show_the_best_text_and_list_the_others(person):
    assert person.says("retain from\np 2") == (
        "Message 2:\nFrom alice@example.org Mon Mar  4 10:11:12 2024\nFrom: Jürgen <alice@example.org>\n\n"
        "Hello Jürgen,\nplain part € 5.\n\n[-- 1.2 text/html, 15 bytes --]\n"
        "[-- 2 ../data.bin, application/octet-stream, 4 bytes: `write`, `open` --]\n"
        "[-- 3 tab.csv, text/csv, 3 bytes: `write`, `open` --]\n\n")


def test_html_is_text_and_charsets_are_the_terminals(person):
    html = person.says("p 3")
    assert html.endswith("\n\nSale!\n\nUp to 50% off — click <https://shop.example/>\n\n")
    assert "evil" not in html
    assert "Subject: résumé\n" in person.says("p 4") and "Voilà l'été\n" in person.says("p 4")
    assert "Voil? l'?t?\n" in person.says("p 4", env={"LC_ALL": "C"})


def test_html_keeps_words_whole_at_a_terminal(person):
    text = "Subject: s\nContent-Type: text/html\n\n<p>" + "word " * 30 + "</p>\n\n"
    person.box.write_text("From a@b Sat Jan  2 08:50:01 2021\n" + text)
    with person.at_terminal("-N", columns=40) as session:
        session.expect(b"& ")
        session.send(b"p\n")
        session.expect(b"word\r\n\r\n")
        session.send(b"x\n")
        session.finish()
    assert ("\n" + " ".join(["word"] * 8) + "\n") in raw_screen(session.output)


def test_a_filter_of_the_persons_own_reads_html(person):
    assert "SALE!" in person.run("set html-filter='tr a-z A-Z'\np 3\nx\n", "-N").stdout.decode()
    failing = person.run("set html-filter='cat; exit 1'\np 3\nx\n", "-N").stdout.decode()
    assert "\nSale!\n" in failing


@pytest.mark.parametrize("busy", ["filter", "filter that has written", "helper"])
def test_an_interrupt_ends_what_takes_long(person, tmp_path, programs, busy):
    started = tmp_path / "started"
    script = tmp_path / "bin/postbag-mime"
    script.parent.mkdir()
    closed = "exec >/dev/null\n" if busy == "filter that has written" else ""
    script.write_text(f"#!/bin/sh\n{closed}: >{started}\nexec tail -f /dev/null\n")
    script.chmod(0o755)
    if busy == "helper":
        person.mail = tmp_path / "bin/mail"
        os.link(programs["mail"], person.mail)
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        session.send(b"set html-filter='exec %s'\np 3\n" % os.fsencode(script))
        wait_until(started.exists)
        session.send(b"\x03")
        session.expect(b"Interrupt")
        session.expect(b"& ")
        session.send(b"p 1\n")
        session.expect(b"first line")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0 and b"Sale!" not in session.output


def test_controls_never_reach_the_terminal(person):
    assert person.says("p 5") == SHOWN
    with person.at_terminal() as session:
        session.expect(b"& ")
        session.send(b"p 5\n")
        session.expect(b"31m\r\n\r\n& ")
        session.send(b"x\n")
        session.finish()
    assert b"\x1b[31m" not in session.output and b"\x07" not in session.output
    assert SHOWN in raw_screen(session.output)


def test_next_prints_what_was_not_printed_yet(person):
    subjects = [line for line in person.says("retain subject\nn\nn\n\nn 5\nn").splitlines() if line[:2] in ("Me", "At")]
    assert subjects == ["Message 1:", "Message 2:", "Message 3:", "Message 5:", "At EOF"]
    assert "Message 4:" in person.says("next 3\ndelete 3\nnext").splitlines()


def test_top_prints_toplines_lines(person):
    assert person.says("set toplines=2\nretain subject\ntop 1") == (
        "Message 1:\nFrom root@funlife Sat Jan  2 08:50:01 2021\nSubject: plain news\n\n")


def test_what_was_printed_is_read(person):
    flags = person.says("p 1\ntop 2\nn 3\n| 4 cat >/dev/null\nparts 5\nf *").splitlines()[-5:]
    assert [line[1] for line in flags] == [" "] * 5


def test_pipe_gives_messages_as_they_are_stored(person):
    first = PLAIN.encode()
    assert person.run('pipe 1 "cat > raw"\nx\n').returncode == 0
    assert (person.home / "raw").read_bytes() == first
    assert person.says("| 1 grep -c line").splitlines() == ["1"]
    assert person.says("set cmd='wc -l'\npipe 1").split() == [str(first.count(b"\n"))]
    assert person.says("set page\n| 1-2 tr -dc '\\f' | wc -c").split() == ["2"]
    assert person.says("Pipe 4 cat").endswith("Voilà l'été\n\n")
    assert "No command specified." in person.says("pipe 1")


def test_pipe_to_a_command_that_reads_nothing(person):
    person.box.write_text("From a@b Sat Jan  2 08:50:01 2021\nSubject: s\n\n" + "x\n" * 500_000 + "\n")
    assert person.says("| true\nset quiet\n=").splitlines()[-1] == "1"


def test_write_saves_the_text_and_attachments_beside_it(person):
    out = person.home / "out"
    out.mkdir()
    person.run("write 1 out/body\nwrite 1 out/body\nx\n")
    assert (out / "body").read_text() == 2 * "first line\nFrom here on, quoted\n -- bye\n"
    (out / "data.bin").write_text("mine")
    os.symlink("/nowhere", out / "data-1.bin")
    said = person.says("write 2 out/report")
    assert said == (f'"{out}/report" [New file]\n"{out}/data-2.bin" [New file]\n"{out}/tab.csv" [New file]\n'
                    .replace(f"{out}/", said.split('report"')[0][1:]))
    assert (out / "report").read_text() == "Hello Jürgen,\nplain part € 5.\n"
    assert (out / "data-2.bin").read_bytes() == b"\0\1\2\3" and (out / "tab.csv").read_text() == "a,b"
    assert (out / "data.bin").read_text() == "mine" and not (person.home / "nowhere").exists()
    assert stat.S_IMODE((out / "tab.csv").stat().st_mode) == 0o600


def test_attachments_are_not_saved_beside_what_is_no_file(person):
    sink = person.home / "sink"
    sink.mkdir()
    (sink / "null").symlink_to("/dev/null")
    done = person.run(f"set quiet hold\nwrite 1 2 {sink}/null\nq\n", "-N")
    assert done.returncode == 0
    assert f'\nMessage 2: attachments are not saved beside "{sink}/null"\n' in done.stdout.decode()
    assert os.listdir(sink) == ["null"]
    left = person.box.read_bytes()
    assert b"Subject: plain news\n" not in left and b"Subject: report\n" in left


def test_one_part_is_written_by_its_number(person):
    said = person.says("write 2.2 two\nwrite 2.3\nwrite 2.9 none\nwrite 1.1 one\ndetach 2\nwrite")
    assert (person.home / "two").read_bytes() == b"\0\1\2\3"
    assert (person.home / "tab.csv").read_text() == "a,b"
    assert "2.9: No such part" in said and "No file specified." in said
    assert (person.home / "one").read_text() == "first line\nFrom here on, quoted\n -- bye\n"
    assert (person.home / "data.bin").read_bytes() == b"\0\1\2\3"
    assert (person.home / "tab-1.csv").read_text() == "a,b"


def test_written_messages_leave_the_mailbox_unless_an_attachment_was_left_out(person):
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        session.send(b"write 2 report\n")
        session.expect(b"4 bytes, as: data.bin")
        session.send(b"\x15\n")  # a line without a name
        session.expect(b"3 bytes, as: tab.csv")
        session.send(b"\n")
        session.expect(b"& ")
        session.send(b"write 1 plain\nf 1 2\n")
        session.expect(b"*  1 root@funlife")
        session.send(b"x\n")
        session.finish()
    assert not (person.home / "data.bin").exists() and (person.home / "tab.csv").exists()
    assert b"*  2" not in session.output


MIXED = """\
From a@b Sat Jan  2 08:50:01 2021
Subject: mixed
Content-Type: multipart/mixed; boundary=B

--B
Content-Type: multipart/alternative; boundary=A

--A

text
--A
Content-Type: multipart/related; boundary=R

--R
Content-Type: text/html

<img src="cid:1">
--R
Content-Type: image/png
Content-ID: <1>

picture
--R--
--A--
--B
Content-Type: application/pdf

%PDF
--B
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary=I

--I

inner text
--I
Content-Type: image/gif

GIF
--I--
--B--

"""


def test_what_is_written_is_all_that_the_message_holds(person):
    person.box.write_text(MIXED)
    done = person.run("set quiet\nwrite 1 text\nq\n")
    assert done.returncode == 0, done.stdout
    names = ["part-1.2.2.png", "part-2.pdf", "part-3.2.gif", "text"]
    assert sorted(name for name in os.listdir(person.home) if not name.startswith(".")) == names
    assert [(person.home / name).read_text().rstrip("\n") for name in names[:3]] == ["picture", "%PDF", "GIF"]
    assert (person.home / "text").read_text() == (
        "text\nSubject: inner\nContent-Type: multipart/mixed; boundary=I\n\ninner text\n")
    assert not person.box.exists() or person.box.read_bytes() == b""


def test_a_multipart_without_parts_is_written_as_it_is(person):
    person.box.write_text("From a@b Sat Jan  2 08:50:01 2021\nContent-Type: multipart/mixed; boundary=B\n\nlost?\n\n")
    assert person.run("write 1 text\nq\n").returncode == 0
    assert "lost?" in (person.home / "text").read_text()


def test_more_parts_than_are_read_are_told_and_stay(person):
    message = "From a@b Sat Jan  2 08:50:01 2021\nContent-Type: multipart/mixed; boundary=B\n\n" + "--B\n\nx\n" * 10_100
    person.box.write_text(message + "--B--\n\n")
    said = person.run("set hold\np 1\nparts 1\nwrite 1 text\nq\n").stdout.decode()
    assert said.count("[-- further parts are left out: ") == 3
    assert person.box.read_text().count("--B\n") == 10_100


def test_parts_are_listed(person):
    assert person.says("parts 2") == (
        "Message 2:\n          multipart/mixed\n"
        "    1     multipart/alternative\n"
        "      1.1 text/plain, utf-8, quoted-printable, 33 bytes\n"
        "      1.2 text/html, utf-8, 15 bytes\n"
        "    2     ../data.bin, application/octet-stream, base64, 4 bytes\n"
        "    3     tab.csv, text/csv, 3 bytes\n")


def test_open_gives_a_viewer_a_private_copy_that_goes_with_the_session(person):
    said = person.says("set viewer='ls -l'\nopen 2.2\nset viewer='stat -c %a:%n $(pwd)'\nopen 2.2\nopen 2\nopen 1")
    listed = said.splitlines()[0]
    assert listed.startswith("-rw-------") and listed.endswith("/data.bin") and "/mail-" in listed
    assert not os.path.exists(listed.split()[-1])
    assert "Message 2 has 2 attachments" in said and "Message 1 has 0 attachments" in said
    assert "No viewer" in person.says("unset viewer\nopen 2.2")


def test_a_copy_goes_when_mail_is_killed(person):
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        session.send(b"set viewer='echo $PPID'\nopen 2.2\n")
        seen = session.expect(re.compile(rb"([0-9]+) (/[^ ]*/mail-[^/]*)/data.bin"))
        pid, folder = re.search(rb"([0-9]+) (/[^ ]*/mail-[^/]*)/data.bin", seen).groups()
        assert os.path.exists(folder + b"/data.bin")
        os.kill(int(pid), signal.SIGKILL)
        session.finish()
    wait_until(lambda: not os.path.exists(folder))


def test_a_viewer_gets_hostile_names_as_one_word(person):
    name = "$(touch X); 'x' \\\"y.bin"
    person.box.write_bytes(BOX.replace(b"../data.bin", name.encode()))
    assert "touch X" in person.says("set viewer='printf %s.'\nopen 2.2")
    assert not (person.home / "X").exists()


LONG = "From a@b Sat Jan  2 08:50:01 2021\nSubject: long\n\n" + "".join(f"line {i}\n" for i in range(100)) + "\n"


@pytest.mark.parametrize("crt, pages", [("unset crt", False), ("set crt", True), ("set crt=50", True), ("set crt=500", False)])
def test_a_pager_shows_what_is_longer_than_crt(person, crt, pages):
    person.box.write_text(LONG)
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        session.send(b"set PAGER='sed s/line/PAGED/'\n" + crt.encode() + b"\np\n")
        session.expect(b"PAGED 99" if pages else b"line 99")
        session.expect(b"& ")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0


def test_a_pipe_is_never_paged(person):
    person.box.write_text(LONG)
    assert "line 99\n" in person.says("set crt=1 PAGER=false\np")
    assert "line 99\n" in person.says("set PAGER=false\nmore")


def test_less_is_told_of_colours_beside_what_it_was_told(person):
    person.box.write_text(LONG)
    for told, seen in (({"LESS": "-FX"}, b"[-R -FX]"), ({}, b"[R]")):
        with person.at_terminal("-N", env=told) as session:
            session.expect(b"& ")
            session.send(b"set crt PAGER='echo \"[$LESS]\"'\np\n")
            session.expect(seen)
            session.send(b"x\n")
            session.finish()


def test_an_interrupt_in_the_pager_is_the_pagers(person):
    person.box.write_text(LONG)
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        session.send(b"set crt PAGER='cat >/dev/null; expr 40 + 2; exec tail -f /dev/null'\np\n")
        session.expect(b"42\r\n")
        session.send(b"\x03")
        session.expect(b"& ")
        session.send(b"=\n")
        session.expect(b"1\r\n")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0


def test_a_pager_that_is_left_early_or_missing_does_no_harm(person):
    person.box.write_text(LONG.replace("line 50", "x\n" * 100_000))
    with person.at_terminal("-N") as session:
        session.expect(b"& ")
        session.send(b"set crt PAGER='head -n 3; echo left'\np\n")
        session.expect(b"left\r\n")
        session.expect(b"& ")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0


def test_colours_where_a_terminal_shows_them(person):
    quoted = "From a@b Sat Jan  2 08:50:01 2021\nSubject: s\n\n> one\n>> two\nplain\n\n"
    person.box.write_text(quoted)
    screens = []
    for env in ({"TERM": "xterm"}, {"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}):
        with person.at_terminal("-N", env=env) as session:
            session.expect(b"& ")
            session.send(b"p\n")
            session.expect(b"plain\r\n")
            session.send(b"x\n")
            session.finish()
        screens.append(session.output)
    assert b"\x1b[36mSubject:\x1b[0m s" in screens[0] and b"\x1b[32m> one\x1b[0m" in screens[0]
    assert b"\x1b[33m>> two\x1b[0m" in screens[0]
    assert all(b"\x1b[3" not in screen for screen in screens[1:])
