"""postbag-mime, the helper of mail(1): what it reads is shown right, what it builds comes back as it was."""

import email
import email.policy
import os
import re
import subprocess
from email.message import EmailMessage
from pathlib import Path

import pytest
from support.postfix import extracted


@pytest.fixture(scope="module")
def driver(programs):
    path = programs["postbag-mime"].parents[1] / "tests/mime"
    assert path.exists(), f"{path} is missing; `make tests` builds it"
    return path


class Mime:
    def __init__(self, driver, helper, folder):
        self.driver, self.helper, self.folder, self.files = driver, helper, folder, 0

    def file(self, content):
        self.files += 1
        path = self.folder / f"file{self.files}"
        path.write_bytes(content)
        return path

    def run(self, *words):
        return subprocess.run([self.driver, self.helper, *words], capture_output=True, timeout=120)

    def read(self, message):
        """The parts, as the driver prints them: [(line, text)]."""
        done = self.run("read", self.file(bytes(message)))
        assert done.returncode == 0, done.stderr
        parts = []
        for line in done.stdout.decode().splitlines(keepends=True):
            if line.startswith("["):
                parts.append([line.rstrip("\n"), ""])
            else:
                parts[-1][1] += line
        return [tuple(part) for part in parts]

    def text(self, message):
        """What a person reads of it."""
        return "".join(text for line, text in self.read(message) if " shown " in line)

    def extract(self, message, number):
        done = self.run("extract", self.file(bytes(message)), number)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def build(self, body, kind="text/plain", attachments=()):
        """attachments: (content, name, type, charset)."""
        words = [word for content, *rest in attachments for word in (self.file(content), *rest)]
        done = self.run("build", self.file(body), kind, *words)
        assert done.returncode == 0, done.stderr
        assert max(map(len, done.stdout.split(b"\n"))) <= 998
        assert b"\r" not in done.stdout and b"\0" not in done.stdout
        return done.stdout


@pytest.fixture
def mime(driver, programs, tmp_path):
    return Mime(driver, programs["postbag-mime"], tmp_path)


BODIES = {
    "plain": b"hi\n",
    "empty": b"",
    "utf-8": "grüße aus 東京 ☕\n".encode(),
    "latin1": b"caf\xe9\n",
    "long lines": b"x" * 3000 + b"\n" + "é".encode() * 1500 + b"\n",
    "controls": b"a\x1b[31m\x07\x00b\n",
    "carriage returns": b"a\rb\r\nc\r\n",
    "no final line end": b"no end",
    "mail's own marks": b"From here\n.\n..\n--=_x\n-- \nme \n\t\n",
    "quoted-printable look": b"=\n=20\n=?utf-8?q?x?=\n",
    "all bytes": bytes(range(256)) * 20,
    "only line ends": b"\n\n\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_comes_back_to_the_byte(mime, name):
    body = BODIES[name]
    message = email.message_from_bytes(mime.build(body))
    assert message.get_content_type() == "text/plain"
    assert message.get_payload(decode=True) == body


@pytest.mark.parametrize("name", BODIES)
def test_attachments_come_back_to_the_byte(mime, name):
    content = BODIES[name]
    attachments = [(content, "plain.txt", "", ""), (content, "dätä «1».bin", "", ""), (content, 'a "b"; c.csv', "", ""),
                   (content, "日本語の長い名前の報告書ですよねそうですね本当に長いです.pdf", "", "")]
    built = mime.build(content, attachments=attachments)
    message = email.message_from_bytes(built, policy=email.policy.default)
    text, *parts = message.iter_parts()
    assert text.get_payload(decode=True) == content
    assert [part.get_filename() for part in parts] == [name for _, name, *_ in attachments]
    assert all(part.get_content_disposition() == "attachment" for part in parts)
    assert [part.get_payload(decode=True) for part in parts] == [content] * len(parts)
    for number in range(1, 6):
        assert mime.extract(built, str(number)) == content


def test_types_go_by_names_and_contents(mime):
    attachments = [(b"x", "a.pdf", "", ""), (b"x", "a.unknown-ending", "", ""), (b"\0", "b", "", ""),
                   (b"x", "c.html", "text/x-mine", ""), ("ü".encode("latin-1"), "d.txt", "", "iso-8859-1")]
    message = email.message_from_bytes(mime.build(b"hi\n", attachments=attachments))
    parts = message.get_payload()[1:]
    assert [part.get_content_type() for part in parts] == [
        "application/pdf", "text/plain", "application/octet-stream", "text/x-mine", "text/plain"]
    assert parts[4].get_content_charset() == "iso-8859-1"
    assert parts[4].get_payload(decode=True) == b"\xfc"


@pytest.mark.parametrize("name", ["a\nBcc: evil@x", "a\r\n\r\nbody", "esc\x1b]0;x\x07", "a\n b.txt"])
def test_a_files_name_adds_no_field(mime, name):
    built = mime.build(b"hi\n", attachments=[(b"x", name, "", ""), (b"x", "b.txt", "text/plain\nBcc: evil@x", "utf-8\nX: y")])
    for part in email.message_from_bytes(built).walk():
        assert set(part.keys()) <= {"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}
    assert email.message_from_bytes(built).get_payload()[1].get_payload(decode=True) == b"x"
    assert b"\x1b" not in built and b"\nBcc" not in built


def test_an_attached_message_stays_as_it_is(mime):
    inner = b"From: a@b\nSubject: =?utf-8?q?=C3=BC?=\nX-Folded: a\n\tb\n\nbody \n\nFrom x\n"
    built = mime.build(b"see\n", attachments=[(inner, "fwd.eml", "message/rfc822", "")])
    part = email.message_from_bytes(built).get_payload()[1]
    assert part.get_content_type() == "message/rfc822"
    assert part["Content-Transfer-Encoding"] == "7bit"
    assert part.get_payload()[0].as_bytes() == inner
    assert mime.extract(built, "2") == inner


def test_an_attachment_that_cannot_be_read_is_named(mime, tmp_path):
    body = mime.file(b"hi\n")
    os.mkfifo(tmp_path / "fifo")
    for path, why in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory"),
                      (tmp_path / "fifo", "not a regular file")):
        done = mime.run("build", body, "text/plain", path, "x", "", "")
        assert (done.returncode, done.stdout) == (66, b"")
        assert done.stderr.decode() == f"mime: {path}: {why}\n"


def test_a_file_without_a_size_is_sent_whole(mime):
    done = mime.run("build", mime.file(b"hi\n"), "text/plain", "/proc/version", "version", "", "")
    part = email.message_from_bytes(done.stdout).get_payload()[1]
    assert part.get_payload(decode=True) == Path("/proc/version").read_bytes() != b""


def test_no_mailbox_changes_an_attached_text(mime):
    text = b"one\nFrom two\n\nFrom three\n"
    built = mime.build(b"hi\n", attachments=[(text, "a.txt", "", "")])
    assert b"\nFrom " not in built
    part = email.message_from_bytes(built).get_payload()[1]
    assert part.get_payload(decode=True) == text and part.get_content_type() == "text/plain"


def test_limits_of_the_persons_own_do_not_undo_the_helpers(driver, programs, tmp_path):
    message = tmp_path / "message"
    message.write_bytes(b"Content-Type: text/html\n\nhi\n")
    done = subprocess.run(["sh", "-c", 'ulimit -t 1000 -v 4000000; exec "$0" "$1" extract "$2" ""', driver,
                           programs["postbag-mime"], message], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, b"hi\n")


def test_a_hundred_attachments(mime):
    attachments = [(b"%d" % i, f"{i}.txt", "", "") for i in range(100)]
    parts = email.message_from_bytes(mime.build(b"hi\n", attachments=attachments)).get_payload()
    assert [part.get_payload(decode=True) for part in parts] == [b"hi\n"] + [b"%d" % i for i in range(100)]


def test_the_best_alternative_is_shown_and_the_others_are_listed(mime):
    message = EmailMessage()
    message.set_content("plain € text\n", cte="quoted-printable")
    message.add_alternative("<p>html</p>", subtype="html")
    message.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="dätä.bin")
    parts = mime.read(message)
    assert [line.split(" ")[0] for line, _ in parts] == ["[]", "[1]", "[1.1]", "[1.2]", "[2]"]
    assert mime.text(message) == "plain € text\n"
    assert "name=dätä.bin attachment 256/" in parts[4][0]
    assert mime.extract(message, "2") == bytes(range(256))
    assert mime.extract(message, "1.1") == "plain € text\n".encode()


def test_an_empty_plain_alternative_gives_way_to_html(mime):
    message = EmailMessage()
    message.set_content(" \n\n")
    message.add_alternative("<p>html</p>", subtype="html")
    assert mime.text(message) == "<p>html</p>\n"


@pytest.mark.parametrize("charset, encoding, text", [
    ("iso-8859-1", None, "grüße"), ("koi8-r", None, "Привет"), ("shift_jis", "base64", "日本語"),
    ("utf-8", "base64", "☕ é"), ("iso-2022-jp", None, "語"), ("gb18030", "quoted-printable", "中文")])
def test_charsets_become_utf8(mime, charset, encoding, text):
    raw = text.encode(charset)
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding or '8bit'}\n\n"
    if encoding == "base64":
        raw = email.base64mime.body_encode(raw).encode()
    elif encoding:
        raw = "".join(f"={byte:02X}" for byte in raw).encode()
    assert mime.text(head.encode() + raw).rstrip("\n") == text


def test_what_a_message_says_wrong_is_read_as_well_as_can_be(mime):
    head = b"Content-Type: text/plain; charset="
    assert mime.text(head + b"x-nobody\n\ncaf\xe9\n") == "café\n"
    assert mime.text(head + b"x-nobody\n\n" + "café\n".encode()) == "café\n"
    assert mime.text(head + b"utf-8\n\ncaf\xe9\n") == "caf\ufffd\n"
    assert mime.text(head + b"us-ascii\n\ncaf\xe9\n") == "café\n"
    assert mime.text(head + b"../../etc/passwd//IGNORE\n\ncaf\xe9\n") == "café\n"
    assert mime.text(b"Content-Transfer-Encoding: base64\n\n!!aGk=\nnot base64!") .startswith("hi")
    assert mime.text(b"\njust a body\n") == "just a body\n"
    assert mime.text(b"") == ""


def test_flowed_text_uuencode_and_messages_in_messages(mime):
    assert mime.text(b"Content-Type: text/plain; format=flowed; delsp=yes\n\none \ntwo\n") == "onetwo\n"
    assert mime.text(b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n#:&D*\n`\nend\n") == "hi\n"
    outer = EmailMessage()
    outer.set_content("see below\n")
    inner = EmailMessage()
    inner["Subject"] = "inner"
    inner.set_content("inner text\n")
    outer.add_attachment(inner, disposition="inline")
    assert "Subject: inner\n" in mime.text(outer) and mime.text(outer).endswith("inner text\n")
    assert [line.split(" ")[0] for line, _ in mime.read(outer)] == ["[]", "[1]", "[2]", "[2.1]"]
    assert mime.extract(outer, "2").startswith(b"Subject: inner\n")


@pytest.mark.parametrize("name", ["data.txt", "naïve ☕.pdf", "a;b='c'.txt", "x" * 150 + ".txt"])
def test_names_in_both_forms_are_read(mime, name):
    new = EmailMessage()
    new.set_content("hi\n")
    new.add_attachment(b"x", maintype="application", subtype="pdf", filename=name)  # RFC 2231
    assert f"name={name} " in mime.read(new)[2][0]
    encoded = email.header.Header(name, "utf-8").encode(maxlinelen=1000)
    old = f'Content-Type: application/pdf; name="{encoded}"\n\nx\n'
    assert f"name={name} " in mime.read(old.encode())[0][0]


def deep(kind, depth):
    text = f"Content-Type: {kind}; boundary=b0\n\n"
    for i in range(depth):
        text += f"--b{i}\nContent-Type: {kind}; boundary=b{i + 1}\n\n"
    return text.encode() + b"--b%d\n\nhi\n" % depth


@pytest.mark.parametrize("message", [
    deep("multipart/mixed", 10_000), deep("multipart/alternative", 10_000), b"Content-Type: message/rfc822\n\n" * 10_000,
    b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 30_000,
    b"Content-Type: multipart/mixed; boundary=" + b"b" * 100_000 + b"\n\n--b\n",
    b"X: " + b"\n y" * 200_000 + b"\n\nhi\n", b"Content-Type: text/plain; a*0=" + b"; a*1=x" * 20_000 + b"\n\nhi\n"],
    ids=["mixed", "alternative", "messages", "many parts", "long boundary", "long field", "many parameters"])
def test_hostile_messages_do_not_take_the_reader_with_them(mime, message):
    calm = mime.file(b"Content-Type: text/plain; charset=iso-8859-1\n\ncaf\xe9\n")
    done = mime.run("twice", mime.file(message), calm)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("café\n".encode())


def test_a_helper_that_dies_is_an_error_of_one_message(mime, tmp_path):
    # This one reads a byte and falls over, every other time.
    helper = tmp_path / "helper"
    helper.write_text(f'#!/bin/sh\nif mkdir {tmp_path}/once 2>/dev/null; then exit 1; fi\nexec {mime.helper}\n')
    helper.chmod(0o755)
    mime.helper = helper
    calm = mime.file(b"hi: x\n\nhello\n")
    done = mime.run("twice", calm, calm)
    assert done.returncode == 0, done.stderr
    assert b"first: the message could not be taken apart" in done.stdout
    assert done.stdout.endswith(b"hello\n")


def test_without_a_helper_the_error_says_so(mime, tmp_path):
    mime.helper = tmp_path / "none"
    done = mime.run("read", mime.file(b"x\n"))
    assert done.returncode == 69 and str(tmp_path / "none") in done.stderr.decode()


def test_the_helper_refuses_to_run_alone(programs):
    done = subprocess.run([programs["postbag-mime"]], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 64
    assert done.stderr == b"postbag-mime: this is a part of mail(1), which starts it\n"


def test_the_helper_has_no_files_no_network_and_no_privileges(driver, programs, tmp_path):
    """While it waits for somebody to read what it writes, its process is looked at."""
    fifo = tmp_path / "out"
    os.mkfifo(fifo)
    message = tmp_path / "message"
    message.write_bytes(b"Content-Type: text/plain\n\n" + b"x" * 2_000_000)
    with subprocess.Popen(["sh", "-c", f'exec "$0" "$1" extract "$2" "" > {fifo}', driver, programs["postbag-mime"], message]) as run:
        with open(fifo, "rb") as reader:
            assert reader.read(1) == b"x"  # it is at work, and waits for us to read on
            children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
            status = Path(f"/proc/{children[0]}/status").read_text()
            limits = Path(f"/proc/{children[0]}/limits").read_text()
            files = os.listdir(f"/proc/{children[0]}/fd")
            reader.read()
        assert run.wait(timeout=60) == 0
    assert "NoNewPrivs:\t1\n" in status
    assert "Seccomp:\t2\n" in status
    assert re.search(r"Max cpu time +\d+ ", limits) and re.search(r"Max core file size +0 ", limits)
    assert re.search(r"Max address space +\d+ ", limits)
    assert len(files) <= 6  # 0 to 2, and the message's


def s_nail(tmp_path, box, commands):
    """s-nail's output for commands on a mailbox."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "MAILRC": "/dev/null"}
    program = extracted("s-nail") / "usr/bin/s-nail"
    done = subprocess.run([program, "-n", "-R", "-S", "quiet", "-f", box], input=commands.encode(), env=environment,
                          capture_output=True, cwd=tmp_path, timeout=60)
    return done.stdout.decode()


def test_s_nail_reads_what_we_build(mime, tmp_path):
    attachments = [(b"\0\1\2", "dätä.bin", "", ""), ("ünï\n".encode(), "notes.txt", "", "")]
    built = mime.build("grüße\x1b\n".encode(), attachments=attachments)
    box = tmp_path / "box"
    box.write_bytes(b"From a@b Sat Jan  2 08:50:01 2021\nFrom: a@b\nSubject: s\n" + built + b"\n")
    output = s_nail(tmp_path, box, f"type 1\nwrite 1 {tmp_path}/body\n")
    assert "grüße" in output and "ünï" in output
    assert "dätä.bin" in output and "notes.txt" in output
