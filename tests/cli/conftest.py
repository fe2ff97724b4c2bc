"""Fixtures for the program tests: the built programs, an isolated account, and servers to talk to."""

import os
import signal
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TESTS))
# A job in the background (`make check &` in a script) ignores these, and so would every program it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# pylint: disable=wrong-import-position
from support.account import DEFAULT, Account  # noqa: E402
from support.certs import Certificates  # noqa: E402
from support.clock import Clock  # noqa: E402
from support.lab import Lab  # noqa: E402
from support.postfix import Postfix  # noqa: E402
from support.smtpd import Server  # noqa: E402
from support.world import World  # noqa: E402


def need_root(what):
    if os.geteuid() != 0:
        pytest.skip(f"{what} needs root")


@pytest.fixture(scope="session")
def programs():
    """{name: path} of the built programs; POSTBAG_BIN names another folder, say a sanitizer build's."""
    folder = Path(os.environ.get("POSTBAG_BIN") or TESTS.parent / "build/release/bin").resolve()
    found = {path.name: path for path in folder.glob("*") if os.access(path, os.X_OK)}
    assert found, f"no programs in {folder}; make builds them"
    return found


@pytest.fixture
def make_account(tmp_path, programs):
    """make_account(configuration=…, name=…): accounts whose flushes end with the test."""
    made = []

    def make(configuration=DEFAULT, name="account"):
        made.append(Account(tmp_path / name, programs, configuration))
        return made[-1]

    yield make
    for account in made:
        account.stop_processes()


@pytest.fixture
def account(make_account):
    return make_account()


@pytest.fixture
def clock(account, tmp_path, programs):
    """The account's programs see this clock, but not a flush that sendmail starts: its environment is clean."""
    library = programs["postbag-flush"].parents[1] / "tests/clock.so"
    assert library.exists(), f"{library} is missing; `make tests` builds it"
    made = Clock(tmp_path / "clock", library)
    account.env |= made.env
    return made


@pytest.fixture
def smtpd():
    """smtpd(script, **settings): a started scripted server; see support/smtpd.py. Ends with the test."""
    servers = []

    def start(script=None, **settings):
        servers.append(Server(script, **settings).start())
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certs"))


@pytest.fixture(scope="session")
def postfix_bed(certs):
    """One Postfix for the whole session; tests use `postfix`, which finds it empty."""
    need_root("Postfix")
    with Postfix(None, certs) as bed:
        yield bed


@pytest.fixture
def postfix(postfix_bed):
    postfix_bed.clear()
    return postfix_bed


@pytest.fixture
def world():
    """world(users=…, mailname=…): a started World. Ends with the test."""
    need_root("a world of its own")
    worlds = []

    def start(*arguments, **more):
        worlds.append(World(*arguments, **more).start())
        return worlds[-1]

    yield start
    for each in worlds:
        each.stop()


@pytest.fixture(scope="module")
def shared_lab(programs):
    """One Lab for the tests of a module; they use `lab`, which is as new."""
    need_root("a machine with several people")
    with Lab(programs, ["jane", "dave", "emma", "sam"]) as made:
        yield made


@pytest.fixture
def lab(shared_lab):
    shared_lab.reset()
    return shared_lab
