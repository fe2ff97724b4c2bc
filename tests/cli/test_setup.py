"""tests/setup, with dpkg-query, apt-get, apt-cache and id replaced by tools that write down how they were called."""

import subprocess
import time
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[1] / "setup"
BUILD = "g++ make pkg-config libcurl4-openssl-dev libssl-dev libinih-dev libcdb-dev doctest-dev libgmime-3.0-dev libreadline-dev python3".split()
TESTS = """python3-pytest openssl strace tmux swaks libnet-ssleay-perl libauthen-sasl-perl libdigest-hmac-perl mandoc
    libsasl2-2 libsasl2-modules libsasl2-modules-db util-linux iproute2 e2fsprogs btrfs-progs procps""".split()
PARTS = {"": BUILD + TESTS, "build": BUILD, "lint": BUILD + TESTS + ["clang-format", "clang-tidy"],
         "fuzz": BUILD + ["clang", "libclang-rt-14-dev"]}
INSTALL = "apt-get install --no-install-recommends"


class Machine:
    """Everything is installed but `missing`; `providers` provide mail-transport-agent; run as this uid."""

    def __init__(self, folder, missing=(), removed=(), providers=(), uid=0, apt_status=0):
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        gone = " ".join(removed)
        lost = "|".join(missing) or "-"
        self._tool("dpkg-query", f"""shift 3
            for name; do case $name in {lost}) status=1 ;; *)
              case " {gone} " in *" $name "*) echo "rc $name" ;; *) echo "ii $name" ;; esac ;; esac; done
            exit ${{status-0}}""")
        self._tool("id", f"echo {uid}")
        self._tool("apt-get", f"""echo "$RUNLEVEL $DEBIAN_FRONTEND apt-get $*" >> {self.log}
            case $* in "-q -s "*) shift 4; for name; do echo "Inst $name (1.0 Debian:12)"; done; exit ;; esac
            exit {apt_status}""")
        self._tool("apt-cache", f"""case $2 in {'|'.join(providers) or '-'})
            echo "Provides: x, mail-transport-agent, y" ;; *) echo "Provides: not-mail-transport" ;; esac""")

    def _tool(self, name, text):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, *arguments):
        return subprocess.run([SETUP, *arguments], env={"PATH": f"{self.folder}:/usr/bin:/bin"}, capture_output=True,
                              text=True, timeout=30, check=False)

    @property
    def calls(self):
        return self.log.read_text().splitlines()


@pytest.mark.parametrize("part, packages", PARTS.items(), ids=[part or "tests" for part in PARTS])
def test_nothing_is_said_or_done_when_nothing_is_missing_and_each_package_counts(tmp_path, part, packages):
    machine = Machine(tmp_path, uid=1000)
    done = machine.run(*part.split())
    assert (done.returncode, done.stdout, done.stderr, machine.calls) == (0, "", "", [])
    machine = Machine(tmp_path, uid=1000, missing=packages)
    assert machine.run(*part.split()).stdout.splitlines()[-1] == f"    sudo {INSTALL} {' '.join(packages)}"


def test_an_ordinary_user_is_told_the_one_command(tmp_path):
    machine = Machine(tmp_path, uid=1000, missing=["g++", "swaks"], removed=["tmux"])
    done = machine.run()
    assert (done.returncode, done.stderr, machine.calls) == (1, "", [])
    assert done.stdout == f"Packages are missing. This installs them:\n    sudo {INSTALL} g++ tmux swaks\n"


def test_root_installs_what_is_missing_and_starts_nothing(tmp_path):
    machine = Machine(tmp_path, missing=["libinih-dev", "procps"])
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Installing missing packages: libinih-dev procps\n"
    assert machine.calls == ["1 noninteractive apt-get -q update",
                             "1 noninteractive apt-get -q -s install --no-install-recommends libinih-dev procps",
                             "1 noninteractive apt-get -q -y install --no-install-recommends libinih-dev procps"]


def test_what_would_bring_a_mail_server_is_refused(tmp_path):
    machine = Machine(tmp_path, missing=["swaks", "mandoc"], providers=["mandoc"])
    done = machine.run()
    assert done.returncode == 1
    assert done.stderr == ("tests/setup: mandoc is a mail server and would replace this machine's; "
                           "nothing was installed\n")
    assert not [call for call in machine.calls if " -y " in call]


def test_a_failed_installation_is_a_failure(tmp_path):
    machine = Machine(tmp_path, missing=["swaks"], apt_status=100)
    done = machine.run()
    assert (done.returncode, done.stderr) == (100, "tests/setup: the lists of packages are not up to date\n")


def test_elsewhere_than_on_debian_it_says_so_and_lets_the_build_try(tmp_path):
    (tmp_path / "bash").symlink_to("/bin/bash")
    done = subprocess.run(["/bin/bash", SETUP, "build"], env={"PATH": str(tmp_path)}, capture_output=True, text=True,
                          timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == ("tests/setup: this is not Debian; what these packages of Debian's hold is needed: "
                           f"{' '.join(BUILD)}\n")


def test_a_word_that_is_no_part_is_refused(tmp_path):
    done = Machine(tmp_path).run("tests")
    assert (done.returncode, done.stdout, done.stderr) == (64, "", "usage: tests/setup [build | lint | fuzz]\n")


def test_the_real_look_takes_no_time():
    times = []
    for _ in range(5):
        start = time.monotonic()
        done = subprocess.run([SETUP, "build"], capture_output=True, timeout=30, check=False)
        times.append(time.monotonic() - start)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert min(times) < 0.2
