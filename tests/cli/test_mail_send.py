"""mail(1) sends: what programs and people write on its command line, and what of it arrives."""

import email
import email.policy
import os
import re
import subprocess

import pytest
from support.letters import Desk, commands_folder
from support.postfix import extracted


@pytest.fixture
def desk(account):
    return Desk(account)


# --- who calls mail, and how (the commands of programs in Debian 12 and of their upstreams)

CALLERS = {
    "smartd": ("/usr/bin/mail -s 'SMART error (Health) detected on host: box' root", "This message\nwas generated\n",
               ["root"], {"Subject": "SMART error (Health) detected on host: box"}),
    "unattended-upgrades": ("/usr/bin/mail -r root@box -s 'unattended-upgrades result' root", "log\n", ["root"],
                            {"From": "root@box"}),
    "apticron": ("/usr/bin/mailx -a 'MIME-Version: 1.0' -a 'Content-type: text/plain; charset=UTF-8' "
                 "-a 'Content-transfer-encoding: 8bit' -a 'From: apticron <a@box>' -s '5 updates' root", "größer\n",
                 ["root"], {"From": "apticron <a@box>", "Content-Type": "text/plain; charset=UTF-8",
                            "Content-Transfer-Encoding": "8bit", "MIME-Version": "1.0"}),
    "apticron beside s-nail": ("/usr/bin/mailx -S ttycharset=utf-8 -r a@box -s '5 updates' root", "größer\n", ["root"],
                               {"Content-Type": "text/plain; charset=utf-8", "From": "a@box"}),
    "fail2ban": ("printf 'Hi,\\n~! touch x\\n' | mail -E 'set escape' -s '[Fail2Ban] sshd: banned' root", "", ["root"],
                 {"Subject": "[Fail2Ban] sshd: banned"}),
    "fail2ban with a sender": ("mail -s '[Fail2Ban] x' a@x.test -a 'From: F2B <f@x.test>'", "b\n", ["a@x.test"],
                               {"From": "F2B <f@x.test>"}),
    "icinga2 of Debian": ("mail -a 'From: icinga@box' -s 'PROBLEM - web is DOWN' ops@x.test", "b\n", ["ops@x.test"],
                          {"From": "icinga@box"}),
    "icinga2": ("mail -r icinga@box -s 'PROBLEM' ops@x.test", "b\n", ["ops@x.test"], {"From": "icinga@box"}),
    "needrestart": ("fold -s -w 72 | /usr/bin/mail -s 'Relogin required' root", "b\n", ["root"], {}),
    "aide": ("fold --bytes -w 996 | mail -s 'Daily AIDE report' root", "b\n", ["root"], {}),
    "nut": ('mail -s"UPS monitor" root', "b\n", ["root"], {"Subject": "UPS monitor"}),
    "munin": ("mail -s 'Munin notification' a@x.test b@x.test", "b\n", ["a@x.test", "b@x.test"], {}),
    "slurm": ("mail -s 'Slurm Job_id=1 Ended' jane </dev/null", "", ["jane"], {}),
    "zed": ("mail -s 'ZFS scrub' root -r zed@box", "b\n", ["root"], {"From": "zed@box"}),
    "openmediavault": ("mail -E -s 'Cron - Medien' -a 'From: Cron Daemon <root>' root", "b\n", ["root"],
                       {"From": "Cron Daemon <root@lan.example>"}),
    "nagios": ("mail -t", "To: ops@x.test\nSubject: alarm\nContent-Type: text/html\n\n<b>x</b>\n", ["ops@x.test"],
               {"Subject": "alarm", "Content-Type": "text/html; charset=us-ascii"}),
    "tiger": ("mail root", "Subject: in the body\n\nreport\n", ["root"], {"Subject": None}),
    "html by header": ("mail -a 'Content-Type: text/html; charset=utf-8' -s x a@x.test", "<b>x</b>\n", ["a@x.test"],
                       {"Content-Type": "text/html; charset=utf-8"}),
    "html by s-nail": ("mail -M text/html -s x a@x.test", "<b>x</b>\n", ["a@x.test"],
                       {"Content-Type": "text/html; charset=us-ascii"}),
    "GNU mail": ("mail --subject='Long words' --return-address=me@x.test --append='X-Loop: 1' a@x.test", "b\n",
                 ["a@x.test"], {"Subject": "Long words", "X-Loop": "1", "From": "me@x.test"}),
}


@pytest.mark.parametrize("name", CALLERS)
def test_callers_get_what_they_expect(desk, name):
    command, stdin, to, fields = CALLERS[name]
    folder = commands_folder(desk.account)
    done = subprocess.run(["sh", "-c", command.replace("/usr/bin/", f"{folder}/")], input=stdin.encode(),
                          env={**desk.account.env, **desk.env, "PATH": f"{folder}:/usr/bin:/bin"},
                          cwd=desk.account.work, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    letter, = desk.letters()
    assert letter.to == to
    for field, value in fields.items():
        assert letter[field] == value, field
    assert os.listdir(desk.account.work) == []


def test_nothing_is_sent_for_an_empty_report(desk):
    done = desk.mail("-E", "-s", "Cron - Medien", "-a", "From: Cron Daemon <root>", "root", input=b"")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert desk.letters() == []


# --- one letter (I1, I2, I6, I7, I13)


def test_a_line_is_a_whole_letter(desk):
    letter = desk.send("-s", "S", "a@x.test", "b", input="one line\n")
    assert letter.to == ["a@x.test", "b"]
    assert letter["To"] == "a@x.test, b@lan.example"
    assert letter["Subject"] == "S"
    assert letter.body == b"one line\n"
    assert letter["MIME-Version"] == "1.0"
    for field in ("From", "Date", "Message-ID"):
        assert letter[field]


def test_sendmail_is_called_without_a_shell_and_behind_two_dashes(desk):
    recorder = desk.recorder()
    done = desk.mail(recorder.setting, "-r", "N <f@x.test>", "-c", "c@x.test", "-b", "s@x.test", "-s", "$(id)", "a@x.test")
    assert done.returncode == 0
    assert recorder.arguments == ["-i", "-f", "f@x.test", "--", "a@x.test", "c@x.test", "s@x.test"]
    assert b"\nSubject: $(id)\n" in recorder.message
    assert b"s@x.test" not in recorder.message


def test_an_empty_letter_goes_in_silence_where_nobody_looks(desk):
    assert desk.send("-s", "empty", "root", input=b"").body == b""


def test_addresses_are_lists_with_names(desk):
    letter = desk.send("-s", "s", "A <a@x.test>", '"Q, X" <q@x.test>', "c@x.test,d@x.test", "Jörg <j@x.test>")
    assert letter.to == ["a@x.test", "q@x.test", "c@x.test", "d@x.test", "j@x.test"]
    assert '"Q, X" <q@x.test>' in letter["To"] and "Jörg <j@x.test>" in letter["To"]
    assert letter.raw.partition(b"\n\n")[0].isascii()


def test_each_recipient_gets_one_letter(desk):
    letter = desk.send("-s", "s", "a@x.test", "a@X.test", "-c", "a@x.test", "-b", "a@x.test,b@x.test")
    assert letter.to == ["a@x.test", "b@x.test"]
    assert letter["Cc"] is None


@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C"}, {"LANG": "de_DE.UTF-8"}, {"LC_ALL": "de_DE.ISO-8859-1"}])
def test_utf8_is_utf8_in_every_locale(desk, locale):
    letter = desk.send("-s", "Grüße aus Köln", "a@x.test", input="größer €\n", env=locale)
    assert letter["Subject"] == "Grüße aus Köln"
    assert b"=?UTF-8?" in letter.raw
    assert letter["Content-Type"] == "text/plain; charset=utf-8"
    assert letter.body.decode() == "größer €\n"


def test_text_of_unknown_charset_is_sent_all_the_same(desk):
    letter = desk.send("-s", os.fsdecode(b"r\xe9sum\xe9"), "a@x.test", input=b"h\xe9llo\n")
    assert letter["Subject"] == "résumé"
    assert letter.body == b"h\xe9llo\n"
    assert letter["Content-Type"] == "text/plain; charset=unknown-8bit"
    named = desk.send("-s", "x", "a@x.test", input=b"h\xe9llo\n", env={"LC_ALL": "de_DE.ISO-8859-1"})
    assert named.message.get_content_charset() == "iso-8859-1"
    set_by_hand = desk.send("-Sttycharset=koi8-r", "-s", "x", "a@x.test", input=b"\xcd\xc9\xd2\n")
    assert set_by_hand.message.get_content_charset() == "koi8-r"


TEXTS = {
    "escapes": b"~! touch x\n~s changed\n~.\n~~\nreal\n",
    "a lone dot": b"a\n.\nb\n",
    "NUL": b"a\0b\n",
    "CR": b"a\rb\r\nc\n",
    "a long line": b"x" * 1200 + b"\n",
    "a very long line": b"y" * 300_000 + b"\nend\n",
    "no line end": b"no newline",
    "From": b"From here\n\nFrom there\n>From x\n",
    "escape sequences": b"\x1b[31mred\x1b[0m\a bell\x08\x0c\n",
    "blanks at the end": b"tab\t\nblank \n\n\n",
    "bytes": bytes(range(256)) + b"\n",
    "equals": b"=3D =\n=?utf-8?q?x?=\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_arrives_unchanged(desk, name):
    letter = desk.send("-s", "s", "a@x.test", input=TEXTS[name])
    assert letter.body == TEXTS[name]
    assert letter["Subject"] == "s"
    assert letter.message.get_content_type() == "text/plain"
    assert all(len(line) <= 998 for line in letter.raw.split(b"\n"))


# --- attachments and header fields (I9, I10, I11, I12)


def test_a_is_a_field_or_a_file(desk):
    report = desk.account.work / "Bericht für März.txt"
    report.write_bytes(b"figures\n")
    letter = desk.send("-s", "s", "-a", "X-Loop: foo", "-a", report, "-A", report, f"--attach={report}", "a@x.test")
    assert letter["X-Loop"] == "foo"
    text, *attached = letter.parts
    assert text == ("text/plain", None, b"text\n")
    assert attached == [("text/plain", "Bericht für März.txt", b"figures\n")] * 3


@pytest.mark.parametrize("name, arrives", [(b"notes.txt", "notes.txt"), ("dätä 1.txt".encode(), "dätä 1.txt"),
                                           (b"caf\xe9.txt", "café.txt"), (b"a\nBcc: evil@x.test", "a?Bcc: evil@x.test")])
def test_a_file_arrives_under_its_name(desk, name, arrives):
    with open(os.path.join(os.fsencode(desk.account.work), name), "wb") as file:
        file.write(b"content\n")
    raw = desk.send("-s", "s", "-A", os.fsdecode(name), "a@x.test").raw
    _, part = email.message_from_bytes(raw, policy=email.policy.default).iter_parts()
    assert (part.get_filename(), part.get_content_disposition()) == (arrives, "attachment")
    assert part.get_content() == "content\n"
    assert set(part.keys()) <= {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}


def test_any_bytes_can_be_attached(desk):
    data = bytes(range(256)) * 500
    (desk.account.work / "data.bin").write_bytes(data)
    letter = desk.send("-a", "data.bin", "a@x.test", input="größer\n")
    assert letter.parts == [("text/plain", None, "größer\n".encode()), ("application/octet-stream", "data.bin", data)]


def test_what_comes_out_of_a_pipe_can_be_attached(desk):
    command = 'exec "$0" -n -s s -A <(seq 100000) -a <(echo two) -q <(echo first) a@x.test'
    done = subprocess.run(["bash", "-c", command, desk.account.programs["mail"]], input=b"text\n", cwd=desk.account.work,
                          env={**desk.account.env, **desk.env}, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    letter, = desk.letters()
    contents = [content for _, _, content in letter.parts]
    assert contents == [b"first\ntext\n", b"".join(b"%d\n" % number for number in range(1, 100_001)), b"two\n"]


def test_the_name_of_a_file_arrives(desk):
    (desk.account.work / "Größe 1.log").write_text("figures\n")
    assert desk.send("-A", "Größe 1.log", "a@x.test").parts[1] == ("text/plain", "Größe 1.log", b"figures\n")


def test_no_line_is_too_long_in_silence(desk):
    name = "x" * 1200
    letter = desk.send("-a", f"Reply-To: {name} <r@x.test>", "-s", "s", f'"{name}" <a@x.test>')
    assert all(len(line) <= 998 for line in letter.raw.split(b"\n"))
    assert letter.to == ["a@x.test"] and letter["To"] == f"{name} <a@x.test>"
    text = b"To: a@x.test\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n" + b"y" * 1200 + b"\n--b--\n"
    done = desk.mail("-t", input=text)
    assert done.returncode == 0 and b"it has a line of 1200 bytes" in done.stderr


@pytest.mark.parametrize("word", ["junk", "/no/such/file", "/no/such:file", ": x", "X: a\nBcc: e@x.test", "X: a\rb"])
def test_what_is_neither_is_refused_before_anything_is_sent(desk, word):
    done = desk.mail("-s", "s", "-a", word, "a@x.test")
    assert done.returncode == 64
    assert done.stderr.startswith(b"mail: -a: '") and done.stderr.count(b"\n") == 1
    assert desk.letters() == []


def test_fields_are_never_there_twice(desk):
    letter = desk.send("-s", "mine", "-a", "Subject: theirs", "-a", "From: Me <me@x.test>", "-a", "To: more@x.test",
                       "-a", "Cc: cc@x.test", "-a", "Bcc: bcc@x.test", "-a", "Content-Type: text/html",
                       "-a", "Date: Sat, 28 Nov 2026 10:00:00 +0000", "-C", "Reply-To: r@x.test", "a@x.test")
    assert letter["Subject"] == "theirs"
    assert letter["From"] == "Me <me@x.test>"
    assert letter["To"] == "a@x.test, more@x.test"
    assert letter["Cc"] == "cc@x.test"
    assert letter["Bcc"] is None
    assert letter["Content-Type"] == "text/html; charset=us-ascii"
    assert letter["Date"] == "Sat, 28 Nov 2026 10:00:00 +0000"
    assert letter["Reply-To"] == "r@x.test"
    assert letter.to == ["a@x.test", "more@x.test", "cc@x.test", "bcc@x.test"]


def test_r_is_the_sender_of_letter_and_envelope(desk):
    letter = desk.send("-s", "s", "-r", "Jadi M <f@x.test>", "a@x.test")
    assert letter.sender == "f@x.test"
    assert letter["From"] == "Jadi M <f@x.test>"
    own = desk.send("-Sfrom=G <g@x.test>", "a@x.test")
    assert (own["From"], own.sender) == ("G <g@x.test>", "g@x.test")
    assert desk.send("-Sfrom=g@x.test", "-r", "h@x.test", "a@x.test").sender == "h@x.test"
    assert desk.send("-Sfrom=g@x.test", "-r", "", "a@x.test").sender == ""


@pytest.mark.parametrize("value", ["a@x.test, b@x.test", "-oQ/tmp", "|touch x", "a b <"])
def test_a_wrong_own_address_is_refused(desk, value):
    done = desk.mail("-S", f"from={value}", "a@x.test")
    assert done.returncode == 64 and desk.letters() == []


CONTRADICTIONS = [("-a", "Content-Transfer-Encoding: base64"), ("-a", "Content-Type: multipart/mixed; boundary=x"),
                  ("-M", "message/rfc822")]


@pytest.mark.parametrize("words", CONTRADICTIONS)
def test_nothing_is_attached_to_what_is_encoded_already(desk, words):
    (desk.account.work / "note").write_text("noted\n")
    done = desk.mail(*words, "-A", "note", "a@x.test")
    assert done.returncode == 64 and done.stderr.count(b"\n") == 1 and desk.letters() == []


def test_the_charset_counts_beside_attachments_too(desk):
    (desk.account.work / "note").write_text("noted\n")
    letter = desk.send("-Sttycharset=latin1", "-A", "note", "a@x.test", input=b"h\xe9llo\n")
    text, note = [part for part in letter.message.walk() if not part.is_multipart()]
    assert (text.get_content_charset(), text.get_payload(decode=True)) == ("latin1", b"h\xe9llo\n")
    assert note.get_filename() == "note"
    plain = desk.send("-a", "Content-Transfer-Encoding: 8bit", "-A", "note", "a@x.test")
    assert plain.parts[0] == ("text/plain", None, b"text\n")


@pytest.mark.parametrize("charset", ["utf-16", "x;y=z", "a b", "x\n", "ebcdic-us", "utf-7"])
def test_a_charset_that_may_not_stand_there_is_unknown(desk, charset):
    letter = desk.send(f"-Sttycharset={charset}", "a@x.test", input=b"h\xe9llo\n")
    assert letter["Content-Type"] == "text/plain; charset=unknown-8bit"


def test_a_template_says_where_it_goes(desk):
    text = (b"To: a@x.test,\n b@x.test\nCc: C <c@x.test>\nBcc: d@x.test\nSubject: h\xc3\xa9\nX-Note: kept\n"
            b"Received: from elsewhere\n\nbody\n")
    letter = desk.send("-t", "e@x.test", input=text)
    assert letter.to == ["e@x.test", "a@x.test", "b@x.test", "c@x.test", "d@x.test"]
    assert letter["Subject"] == "hé" and letter["X-Note"] == "kept"
    assert b"d@x.test" not in letter.raw and b"elsewhere" not in letter.raw
    assert letter.body == b"body\n"


def test_a_file_is_put_before_the_text_or_in_its_place(desk):
    note = desk.account.work / "note"
    note.write_text("noted\n")
    assert desk.send("-q", note, "a@x.test").body == b"noted\ntext\n"
    assert desk.send("-m", note, "a@x.test").body == b"noted\n"


def test_another_reader_understands_it(desk):
    (desk.account.work / "Bericht für März.txt").write_text("figures\n")
    letter = desk.send("-s", "Grüße aus Köln", "-a", "Bericht für März.txt", "-r", "Jörg <j@x.test>", "a@x.test",
                       input="größer als " + "ß" * 600 + "\nohne Ende")
    box = desk.account.work / "box"
    box.write_bytes(b"From j@x.test Sat Nov 28 10:00:00 2026\n" + letter.raw + b"\n")
    done = subprocess.run([extracted("s-nail") / "usr/bin/s-nail", "-:/", "-Rf", box], input=b"from 1\ntype 1\nxit\n",
                          env={"LC_ALL": "C.UTF-8", "HOME": str(desk.home), "PATH": "/usr/bin:/bin", "TERM": "dumb"},
                          cwd=desk.account.work, capture_output=True, timeout=30, check=False)
    shown = done.stdout.decode()
    assert "Subject: Grüße aus Köln\n" in shown and "Jörg <j@x.test>" in shown
    assert "größer als " + "ß" * 600 + "\n" in shown and "ohne Ende" in shown
    assert "Bericht für März.txt" in shown and "figures\n" in shown


# --- nothing is believed (I4, I5, I8)


def test_no_word_makes_a_field_or_a_recipient(desk):
    assert desk.send("-s", "a\nBcc: e@x.test\rX: y", "a@x.test")["Subject"] == "a Bcc: e@x.test X: y"
    for words in (["a@x.test\nBcc: e"], ["-c", "a\nb", "x"], ["-r", "a\r\nX: y", "x"], ["-b", "a\rb", "x"],
                  ["-C", "X: y\n\nbody", "x"]):
        assert desk.mail(*words).returncode == 64, words
    assert len(desk.letters()) == 1


@pytest.mark.parametrize("address", ["-oQ/tmp", "|touch pwned", "/{work}/pwned", "./pwned", "+pwned", "../pwned", "a/b",
                                     "$(touch pwned)@x.test", "`touch pwned`", "~! touch pwned", "A <|touch>",
                                     '"|touch pwned"', "A </tmp/x>", "A <./x>", ":include:/x", r'"\|touch"'])
def test_no_address_is_a_file_a_command_or_an_option(desk, address):
    done = desk.mail("-s", "s", "--", address.format(work=desk.account.work))
    # A comment, to RFC 5322; and names with blanks between.
    plain = {"$(touch pwned)@x.test": ["$@x.test"], "`touch pwned`": ["`touch", "pwned`"]}
    assert [letter.to for letter in desk.letters()] == ([plain[address]] if address in plain else [])
    assert done.returncode == (0 if address in plain else 64)
    assert os.listdir(desk.account.work) == [] and not desk.dead.exists()


def test_files_and_commands_get_letters_where_they_are_allowed(desk):
    done = desk.mail("-Sexpandaddr", "-s", "s", "./box", "|cat >out", "a@x.test", input="From me\n")
    assert done.returncode == 0, done.stderr
    box = (desk.account.work / "box").read_bytes()
    assert box.startswith(b"From jane ") and b"\n\n>From me\n\n" in box
    assert (desk.account.work / "out").read_bytes().endswith(b"\n\nFrom me\n")
    letter, = desk.letters()
    assert letter.to == ["a@x.test"]


@pytest.mark.parametrize("text", [b"To: |touch pwned\n\nx\n", b"To: ./pwned\n\nx\n", b"Bcc: -oQ\n\nx\n"])
def test_headers_never_name_files_or_commands(desk, text):
    assert desk.mail("-Sexpandaddr", "-t", input=text).returncode == 64
    assert desk.letters() == [] and os.listdir(desk.account.work) == []


def test_aliases_are_expanded(desk):
    desk.settings("alias team bob@x.test carol jane\nalias carol team carol@x.test\nset record=sent\n")
    letter = desk.send("-s", "s", "team", "\\carol")
    assert letter.to == ["bob@x.test", "team", "carol@x.test", "carol"]


@pytest.mark.parametrize("words", ["ann@x.test,bob@x.test,cid@x.test", '"ann@x.test, bob@x.test" cid@x.test',
                                   '"A <ann@x.test>, B <bob@x.test>" cid@x.test', '"G: ann@x.test, bob@x.test;" cid@x.test'])
def test_an_alias_loses_none_of_its_addresses(desk, words):
    desk.settings(f"alias team {words}\n")
    letter = desk.send("-s", "s", "team")
    assert letter.to == ["ann@x.test", "bob@x.test", "cid@x.test"]
    assert all(address in letter["To"] for address in letter.to)


def test_a_stranger_does_not_choose_an_alias(desk):
    desk.settings("set expandaddr\nalias run |touch pwned\nalias r@x.test |touch pwned\n")
    letter = desk.send("-t", input="To: run, r@x.test\n\nx\n")
    assert letter.to == ["run", "r@x.test"]
    assert os.listdir(desk.account.work) == []


# --- copies (I18)


def test_copies_are_kept(desk):
    desk.settings(f"set record={desk.home}/sent folder={desk.home}\n")
    desk.send("-s", "s", "-b", "b@x.test", "bob@x.test", input="From me\n")
    desk.send("-s", "s2", "-F", "bob@x.test")
    sent = (desk.home / "sent").read_bytes()
    assert re.match(rb"From jane [A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}\nStatus: RO\n", sent)
    copy = email.message_from_bytes(sent.partition(b"\n")[2])
    assert copy["Bcc"] == "b@x.test" and copy["Subject"] == "s" and sent.endswith(b"\n\n>From me\n\n")
    assert (desk.account.work / "bob").read_bytes().count(b"\nSubject: s2\n") == 1
    desk.settings(f"set outfolder record=out folder={desk.home}\n")
    desk.send("-s", "s", "bob@x.test")
    assert (desk.home / "out").exists()


# --- many and much (I15, I17)


def test_thousands_of_recipients(desk):
    addresses = [f"person{number}@x.test" for number in range(2001)]
    letter = desk.send("-s", "s", *addresses)
    assert letter.to == addresses


def test_more_recipients_than_a_command_line_holds(desk):
    """Several letters of one text and one Message-ID; a field that sendmail -t would heed instead is one like others."""
    addresses = [f"person{number}@example.org" for number in range(20_000)]
    done = desk.mail("-s", "s", "-t", input="Resent-To: x@x.test\nBcc: " + ",\n ".join(addresses) + "\n\nhi\n", timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    letters = desk.letters()
    assert 3 < len(letters) < 10
    assert sorted(sum((letter.to for letter in letters), [])) == sorted(addresses)
    assert len({letter["Message-ID"] for letter in letters}) == 1
    assert all(letter["Bcc"] is None and b"person7@" not in letter.raw and letter.body == b"hi\n" for letter in letters)


def test_no_standard_input_is_an_empty_one(desk):
    done = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", desk.account.programs["mail"], "-n", "-s", "s", "root"],
                          env={**desk.account.env, **desk.env}, cwd=desk.account.work, capture_output=True, timeout=30,
                          check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [letter.body for letter in desk.letters()] == [b""]


# --- words about itself


def test_version_and_mistakes(desk):
    for option in ("-V", "--version"):
        done = desk.mail(option)
        assert (done.returncode, done.stdout.count(b"\n"), done.stderr) == (0, 1, b"")
        assert b"GNU Mailutils" not in done.stdout
    done = desk.mail("-Z", "a@x.test")
    assert done.returncode == 64 and b"usage: mail" in done.stderr and b"-Z: unknown option" in done.stderr
    assert desk.mail("-s", "only").returncode == 64
    assert desk.mail("-s", "s", "").returncode == 64
    assert desk.letters() == []


def test_escapes_act_only_where_they_are_asked_for(desk):
    text = "~s changed\n~! touch ran\nbody\n"
    assert desk.send("-s", "s", "a@x.test", input=text)["Subject"] == "s"
    assert os.listdir(desk.account.work) == []
    letter = desk.send("-~", "-s", "s", "a@x.test", input="~s changed\nbody\n")
    assert letter["Subject"] == "changed" and letter.body == b"body\n"
    assert desk.send("-I", "-s", "s", "a@x.test", input="~s changed\nbody\n")["Subject"] == "changed"


def test_debug_shows_and_does_not_send(desk):
    done = desk.mail("-d", "-s", "s", "a@x.test", input="body\n")
    assert done.returncode == 0 and desk.letters() == []
    assert b"-- a@x.test\n" in done.stdout and done.stdout.endswith(b"\n\nbody\n")


# --- answers


def test_an_answer_goes_to_all_that_are_persons_and_names_the_others(desk):
    desk.settings("set dot expandaddr\n")
    (desk.account.work / "box").write_text(
        "From boss@x.test Mon Mar  4 10:11:12 2024\nFrom: boss@x.test\nReply-To: +4912345@sms.example\n"
        "To: user/dept@corp.test, /etc/x@y, |touch pwned\nCc: -oQ@y, ./\x1bd@y, ann@x.test\nSubject: s\n\ntext\n\n")
    done = desk.mail("-N", "-f", "box", input=b"reply 1\nanswer\n.\nx\n")
    assert done.returncode == 0
    assert done.stderr.decode() == "mail: left out: /etc/x@y, |touch pwned, -oQ@y, ./?d@y\n"
    letter, = desk.letters()
    assert letter.to == ["+4912345@sms.example", "user/dept@corp.test", "ann@x.test"]
    assert os.listdir(desk.account.work) == ["box"]
