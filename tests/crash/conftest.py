"""The fixtures of the program tests serve here too."""

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TESTS), str(TESTS / "crash")]

# pylint: disable=wrong-import-position
from cli.conftest import (account, certs, make_account, programs, smtpd,  # noqa: E402,F401
                          world)
import disks  # noqa: E402


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")


@pytest.fixture(params=["tmpfs", "ext4", *(["quota"] if disks.knows_quota() else [])])
def small_disk(request, root, tmp_path):
    """A mounted file system with room for a few messages."""
    if request.param == "tmpfs":
        mount = disks.tmpfs(tmp_path / "small", "size=1m")
    elif request.param == "quota":
        mount = disks.quota(tmp_path / "small.img", tmp_path / "small", "1M")
    else:
        mount = disks.Ext4(tmp_path / "small.img", "8M").mounted(tmp_path / "small")
    with mount as folder:
        yield folder


@pytest.fixture
def disk(root, tmp_path):
    return disks.Ext4(tmp_path / "disk.img", "24M")
