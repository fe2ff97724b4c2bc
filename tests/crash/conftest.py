"""The fixtures of the program tests serve here too."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TESTS), str(TESTS / "crash")]

# pylint: disable=wrong-import-position
from cli.conftest import (account, certs, make_account, programs, smtpd,  # noqa: E402,F401
                          world)
