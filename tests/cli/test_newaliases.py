"""newaliases and praliases: every form of aliases(5), mistakes with file and line, the database replaced at one stroke."""

import os
import re
import subprocess
import threading
import time

import pytest

EVERY_FORM = '''\
# Who reads what.
postmaster: root
ROOT: jane, \\sam,
    dave+lists@example.com,
#   gone,

\t"Emma (the boss)" <emma@lab1.example>
"weird name": nobody
nobody: /dev/null
news (Usenet): \\jane
back: one, \\
two
backup: /var/mail/archive/, "/srv/old mail"
list: :include:/etc/mail/list, ":include:/etc/mail/other list"
owner-list: jane
subscribe: |subscribe.sh
report: "|report --to a,b"
print: |"lpr -P office"
'''
PRINTED = '''\
postmaster:root
root:jane, \\sam,    dave+lists@example.com,\t"Emma (the boss)" <emma@lab1.example>
"weird name":nobody
nobody:/dev/null
news:\\jane
back:one, two
backup:/var/mail/archive/, "/srv/old mail"
list::include:/etc/mail/list, ":include:/etc/mail/other list"
owner-list:jane
subscribe:|subscribe.sh
report:"|report --to a,b"
print:|"lpr -P office"
'''


class Aliases:
    """An account whose configuration names a file of aliases."""

    def __init__(self, account):
        self.account = account
        self.file = account.folder / "aliases"
        self.database = account.folder / "aliases.cdb"
        account.configure(f"[local]\naliases = {self.file}\n")

    def run(self, program, *arguments, **more):
        done = self.account.run(program, *arguments, **more)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def compile(self, text=None, *arguments):
        if text is not None:
            self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.run("newaliases", *arguments)

    def good(self, text):
        status, _, told = self.compile(text)
        assert (status, told) == (0, "")
        return self.database.read_bytes()


@pytest.fixture
def aliases(account):
    return Aliases(account)


def test_every_form_is_compiled_counted_and_listed(aliases):
    right = [line.split(":", 1) for line in PRINTED.splitlines()]
    longest = max(len(targets) for _, targets in right)
    total = sum(len(name.strip('"')) + len(targets) for name, targets in right)
    assert aliases.compile(EVERY_FORM) == (
        0, f"{aliases.file}: 12 aliases, longest {longest} bytes, {total} bytes total\n", "")
    assert aliases.run("praliases") == (0, PRINTED, "")
    assert aliases.run("praliases", "NEWS", "Weird name", '"print"') == (
        0, 'news:\\jane\n"weird name":nobody\nprint:|"lpr -P office"\n', "")
    # What is printed is an aliases file again, with the same meaning.
    assert aliases.compile(PRINTED)[0] == 0
    assert aliases.run("praliases") == (0, PRINTED, "")


def test_the_count_line_is_sendmails(aliases):
    assert aliases.compile("root: jane\nlist: a,\n  b\n")[1] == (
        f"{aliases.file}: 2 aliases, longest 5 bytes, 17 bytes total\n")


MISTAKES = [
    (b"root jane\n", 1, "missing ':'"),
    (b"a: b\n\nroot:\n", 3, "nothing behind ':'"),
    (b": jane\n", 1, "no name before ':'"),
    (b"  jane\n", 1, "a continuation of no alias"),
    (b"a: \"|cmd\n", 1, '"|cmd: unbalanced \'"\''),
    (b"\"a: b\n", 1, "unbalanced '\"'"),
    (b"a: b (c\n", 1, "b (c: unbalanced '('"),
    (b"a: b\nA: c\n", 2, "a: given twice, first in line 1"),
    (b"a: b\nc\0d: e\n", 2, "c?d: control character"),
    (b"a: b\0c\n", 1, "a NUL byte"),
    (b"a: \x1b[2Jb\n", 1, "a control character"),
    (b"a: b c\n", 1, "b c: missing ',' or '<>'"),
    (b"a: b # c\n", 1, "b # c: missing ',' or '<>'; a comment has a line of its own"),
    (b"a@b.example: c\n", 1, "a@b.example: an alias has no domain; that is for the virtual file"),
    (b"a b: c\n", 1, "a b: a name with white space needs quotes"),
    (b"a: one,\n  two,\n  b@,\n  four\n", 3, "b@: no domain"),
    (b"a: :include:list\n", 1, ":include:list: a file name begins with '/'"),
    (b"a: ~/mail\n", 1, "~/mail: a file name begins with '/' and is an element of its own"),
    (b"a: |\n", 1, "|: no command behind '|'"),
    (b"a: <\"|cmd\">\n", 1, '<"|cmd">: a command within an address'),
    (b"a: b c: d\n", 1, "b c: d: unexpected ':'"),
    (b"a: j\xf6rg\n", 1, "j?rg: not UTF-8"),
]


@pytest.mark.parametrize("text, line, problem", MISTAKES, ids=[problem for _, _, problem in MISTAKES])
def test_a_mistake_is_told_with_file_and_line_and_the_database_stays(aliases, text, line, problem):
    before = aliases.good("root: jane\n")
    status, printed, told = aliases.compile(text)
    assert (status, printed) == (65, "")
    assert told.splitlines() == [f"newaliases: {aliases.file}:{line}: {problem}",
                                 f"newaliases: {aliases.file}: 1 mistake; the database is as before"]
    assert aliases.database.read_bytes() == before
    assert sorted(path.name for path in aliases.file.parent.glob("aliases*")) == ["aliases", "aliases.cdb"]


def test_all_mistakes_are_told_not_the_first_alone(aliases):
    status, _, told = aliases.compile("".join(text for _ in range(300) for text in ("good: jane\n", "bad\n")))
    assert status == 65
    lines = told.splitlines()
    assert len(lines) == 600 and lines[-1].endswith("599 mistakes; the database is as before")
    assert not aliases.database.exists()


def test_mistakes_in_the_text_leave_the_last_good_aliases_in_force(aliases):
    aliases.good("root: jane\n")
    aliases.file.write_text("root jane\n")
    status, printed, told = aliases.run("praliases")
    assert (status, printed) == (0, "root:jane\n")
    assert told.splitlines() == [f"praliases: {aliases.file}:1: missing ':'",
                                 f"praliases: {aliases.file}: the database of before is used"]
    aliases.database.unlink()
    assert aliases.run("praliases") == (78, "", f"praliases: {aliases.file}:1: missing ':'\n")


def test_a_changed_text_counts_without_newaliases(aliases):
    aliases.good("root: jane\n")
    aliases.file.write_text("root: dave\n")
    assert aliases.run("praliases") == (0, "root:dave\n", "")


def test_praliases_says_what_it_does_not_find(aliases):
    aliases.good("root: jane\n")
    assert aliases.run("praliases", "root", "nobody", "x\x1b") == (
        67, "root:jane\n", "praliases: nobody: no such alias\npraliases: x?: no such alias\n")
    other = aliases.file.with_name("other")
    other.write_text("a: b\n")
    assert aliases.run("praliases", "-f", other) == (0, "a:b\n", "")


def test_no_file_is_named(account):
    for program in ("newaliases", "praliases"):
        done = account.run(program)
        assert (done.returncode, done.stdout) == (78, b"")
        assert done.stderr.decode() == (
            f"{program}: no aliases file: none is named by 'aliases' in [local] of {account.config}\n")


def test_a_named_file_that_is_missing_a_folder_or_not_a_path(aliases):
    assert aliases.compile() == (66, "", f"newaliases: {aliases.file}: open: No such file or directory\n")
    aliases.file.mkdir()
    assert aliases.compile() == (65, "", f"newaliases: {aliases.file}: not a regular file\n")
    aliases.account.configure("[local]\naliases = aliases\n")
    assert aliases.compile() == (
        78, "", f"newaliases: {aliases.account.config}:3: aliases = aliases: a path begins with / or ~/\n")


def test_options(aliases):
    aliases.good("root: jane\n")
    plain = aliases.compile()
    for words in (["-oA/etc/aliases"], ["-C", "/etc/mail/sendmail.cf"], ["-odi", "-oi"], ["-O", "AliasFile=/x"], ["-bi"]):
        assert aliases.run("newaliases", *words) == plain
    assert aliases.run("newaliases", "-v") == (0, f"{plain[1]}{aliases.database}: written\n", "")
    config = aliases.account.folder / "other.ini"
    config.write_text(f"[local]\naliases = {aliases.file}\n")
    assert aliases.run("newaliases", "--config", config, env={"POSTBAG_CONFIG": "/nowhere"}) == plain
    assert aliases.run("newaliases", aliases.file) == (
        64, "", f"newaliases: {aliases.file}: the file is named in postbag.ini, not here\n")
    for program in ("newaliases", "praliases"):
        assert aliases.run(program, "--help")[1].startswith(f"usage: {program}")
        assert re.match(rf"{program} \(postbag\) \d", aliases.run(program, "--version")[1])
        assert aliases.run(program, "--nonsense")[0] == 64


@pytest.mark.parametrize("option", ["-bi", "-I"])
def test_sendmail_calls_it(aliases, option):
    aliases.file.write_text("root: jane\n")
    count = f"{aliases.file}: 1 alias, longest 4 bytes, 8 bytes total\n"
    assert aliases.run("sendmail", option) == (0, count, "")
    aliases.file.write_text("root jane\n")
    assert aliases.run("sendmail", option)[0] == 65


def test_nobody_else_may_write_it(aliases):
    aliases.file.write_text("root: jane\n")
    aliases.file.chmod(0o666)
    status, printed, told = aliases.compile()
    assert status == 0 and printed
    assert told == ("newaliases: warning: who may write an alias may run a command: "
                    f"{aliases.file}: can be written by others\n")
    assert aliases.database.stat().st_mode & 0o7777 == 0o644


def test_in_a_system(world, programs):
    """Root's own default is /etc/aliases; a user who cannot replace it is told so and changes nothing."""
    inside = world(["jane"])
    (inside.path("/etc/postbag")).mkdir()
    inside.path("/etc/postbag/postbag.ini").write_text("[site]\ndomain = lan.example\n")
    inside.path("/etc/aliases").write_text("root: jane\n")
    for leftover in ("/etc/aliases.cdb", "/etc/aliases.cdb.new"):
        inside.path(leftover).unlink(missing_ok=True)
    for name in ("newaliases", "praliases"):
        target = inside.path(f"/usr/bin/{name}")
        target.unlink(missing_ok=True)
        target.write_bytes(programs[name].read_bytes())
        target.chmod(0o755)
    done = inside.run(["newaliases"], user="jane")
    assert (done.returncode, done.stdout) == (77, b"")
    assert done.stderr == b"newaliases: /etc/aliases.cdb.new: open: Permission denied\n"
    done = inside.run(["newaliases"])
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"/etc/aliases: 1 alias, longest 4 bytes, 8 bytes total\n"
    status = inside.path("/etc/aliases.cdb").stat()
    assert (status.st_uid, status.st_mode & 0o7777) == (0, 0o644)
    done = inside.run(["praliases", "root"], user="jane")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"root:jane\n", b"")
    # A database that nobody would use is not made.
    home = inside.path("/home/jane")
    (home / "aliases").write_text("root: jane\n")
    (home / "ini").write_text("[local]\naliases = /home/jane/aliases\n")
    done = inside.run(["newaliases", "--config", "/home/jane/ini"], user="jane")
    assert (done.returncode, done.stdout) == (77, b"")
    uid = str(inside.uids["jane"]).encode()
    assert done.stderr == (b"newaliases: /home/jane/aliases.cdb: would not be used, since it belongs to uid " + uid
                           + b"; the text belongs to uid 0\n")
    assert sorted(path.name for path in home.glob("aliases*")) == ["aliases"]


def test_a_full_disk_keeps_the_old_database(aliases):
    before = aliases.good("root: jane\n")
    aliases.file.write_text("".join(f"user{i}: target{i}@example.com\n" for i in range(1000)))
    done = subprocess.run(["/bin/sh", "-c", f"ulimit -f 8; exec {aliases.account.programs['newaliases']}"],
                          env=aliases.account.env, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (75, b"")
    assert done.stderr.decode() == f"newaliases: {aliases.database}: write: File too large\n"
    assert aliases.database.read_bytes() == before
    assert not aliases.database.with_name("aliases.cdb.new").exists()


def test_readers_see_the_old_or_the_new_and_never_less(aliases):
    """While the text changes and is compiled again and again, by two at once, nobody misses an alias."""
    names = [f"user{i}" for i in range(2000)]
    texts = ["".join(f"{name}: {target}@example.com\n" for name in names) for target in ("old", "newer")]
    aliases.good(texts[0])
    stop = threading.Event()
    complaints = []

    def write():
        beside = aliases.file.with_name("draft")
        for turn in range(30):
            beside.write_text(texts[turn % 2])
            os.replace(beside, aliases.file)
            running = [subprocess.Popen([aliases.account.programs["newaliases"]], env=aliases.account.env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
            for process in running:
                told = process.communicate(timeout=30)[1]
                if process.returncode != 0:
                    complaints.append((process.returncode, told))
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    looks = 0
    while not stop.is_set() or looks < 10:
        status, printed, told = aliases.run("praliases", "user0", "user1999")
        targets = set(re.findall(r":(\w+)@", printed))
        if (status, told, printed.count("\n")) != (0, "", 2) or not targets <= {"old", "newer"}:
            complaints.append((status, printed, told))
        looks += 1
    writer.join()
    assert complaints == []
    assert aliases.run("praliases", "user7") == (0, "user7:newer@example.com\n", "")
    assert not aliases.database.with_name("aliases.cdb.new").exists()


def list_of(count):
    return "".join(f"user{i}: target{i}@example.com, other{i}\n" for i in range(count))


@pytest.mark.release
def test_a_million_aliases(aliases):
    """Compiled in seconds; a look-up reads as little, and as little of the text, as with ten."""
    def reads(name):
        trace = aliases.account.folder / "trace"
        done = subprocess.run(["strace", "-o", trace, "-e", "trace=pread64,openat", aliases.account.programs["praliases"],
                               name], env=aliases.account.env, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0
        text = trace.read_text()
        assert f'"{aliases.file}"' not in text, "the text was opened"
        return len(re.findall(r"^pread64", text, re.M)), sum(map(int, re.findall(r"^pread64.* = (\d+)$", text, re.M)))

    aliases.good(list_of(10))
    few_calls, few_bytes = reads("user7")
    start = time.monotonic()
    aliases.good(list_of(1_000_000))
    took = time.monotonic() - start
    many_calls, many_bytes = reads("user999999")
    print(f"1 000 000 aliases: {took:.1f} s; {many_calls} reads of {many_bytes} bytes, of ten: {few_calls}, {few_bytes}")
    assert took < 60
    # Chains of cdb slots are short, not of one length.
    assert many_calls <= few_calls + 20 and many_bytes <= few_bytes + 1000
    assert aliases.run("praliases", "user500000")[1] == "user500000:target500000@example.com, other500000\n"


@pytest.mark.release
def test_a_list_of_a_hundred_thousand_names(aliases):
    aliases.good("list: " + ",\n  ".join(f"user{i}@example.com" for i in range(100_000)) + "\n")
    assert aliases.run("praliases", "list")[1].count("@") == 100_000
    # One mistake far down is told with its own line.
    aliases.file.write_text("list: " + ",\n  ".join(f"user{i}@example.com" for i in range(100_000)) + ",\n  a b\n")
    assert f"{aliases.file}:100001: a b: missing ','" in aliases.run("newaliases")[2]
