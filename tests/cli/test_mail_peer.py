"""The same session in bsd-mailx and in `mail`: the same screen, line by line."""

import os
import subprocess

import pytest
from support.mail_reader import FORTY_FIVE, Reader
from support.postfix import extracted

LIBRARIES = ("libbsd0", "liblockfile1", "libmd0")
SESSIONS = {
    "lists": "f 1\nf 2-4\n=\nf 1 3 5-7\nf ^\nf $\nf .\nf +\nf -\nf *\nf 7\n=\nf .-$\nf 1 2 1\nf ^-3 $",
    "mistakes": "f 99\nf 0\nf 1-99\nf 1-alice\nf 2-x@y\nf 99-1\nf :z\nf :d\nf foo\nf foo bar\nf /nosuch\nzz\nnosuch 1\nf $\nf +\nf 1 *\nf * 1\nf 1\nf -",
    "names": "f u3\nf u3@x\nf U3\nf u1\nf /subject\nf /SUBJECT\nf root\nf u7 u9\nf logcheck :n\nf :n root",
    "deleting": "d 2\nf *\nh\nd 3-5\n=\nf *\nf 4\nu 4\nf *\n=\nu\n=\nd 1 $\n=\nf ^\nf $\nu 1\nd 6-8\nf 5-9\nd 9\nf :d\nu *\nf *",
    "to-the-end": "d *\nd\nf 1\nu 3\nf *\nh\nd 3\n=",
    "states": "f :n\nf :u\nf :r\nunread 2\nf 2\nnew 2\nf 2\nf :n\nf :r",
    "holding": "touch 2\nf 2\nmbox 3\nf 3\nhold 3\nmbox 4\ntouch 4\nf 3-4\nd 3\nu 3\nf 3\npre 2",
    "pages": "h\nh 12\n=\nz\nz\nz-\nz\nz+\n=\nh 30\nd 30\nh\nz-\nz-\nz x\nset screen=5\nz\nh 8\nz-\nz-\nh 11\nd 11-14\nh 11",
    "variables": "set foo\nunset foo\nunset foo\nset =x\nunset a b\nset bar=baz\nunset bar\nalternates\nalternates x@y z\nalternates\n"
                 "ignore\nretain\nsaveignore\nsaveretain\ndiscard b A\nignore\nretain X\nretain",
    "conditions": "if s\necho s\nelse\necho r\nendif\nif r\necho r\nelse\necho s\nendif\nif R\necho R\nendif\nendif\nelse",
    "sizes": "size\nsize 2-4\nsize *",
    "files": "cd /nosuch\ncd /\necho a b\necho \"c  d\"\nshow\n# comment\n#comment",
}
# Our sentences begin without the program's name.
PROGRAM = "bsd-mailx: "


@pytest.fixture(scope="module")
def bsd_mailx():
    libraries = [extracted(package) for package in LIBRARIES]
    path = ":".join(str(folder / "usr/lib/x86_64-linux-gnu") for folder in libraries)
    return extracted("bsd-mailx") / "usr/bin/bsd-mailx", {"LD_LIBRARY_PATH": path}


@pytest.mark.parametrize("box", ["ref.mbox", "forty-five"])
@pytest.mark.parametrize("name", SESSIONS)
def test_the_same_screen(tmp_path, programs, bsd_mailx, name, box):
    program, env = bsd_mailx
    reader = Reader(tmp_path, programs, FORTY_FIVE if box == "forty-five" else box)
    commands = SESSIONS[name] + "\nx\n"
    theirs = subprocess.run([program, "-n", "-N"], input=commands.encode(), env={**reader.env, **env}, cwd=reader.home,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False)
    ours = reader.run(commands, "-N")
    expected = theirs.stdout.decode().replace(PROGRAM, "").splitlines()[1:]
    assert ours.stdout.decode().splitlines()[1:] == expected
    assert ours.returncode == theirs.returncode
    assert os.path.exists(reader.box)
