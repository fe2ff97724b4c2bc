"""Siblings of sendmail that record how they were called, beside a copy of the real one, which finds them there.

A flush that sendmail starts after a commit writes its arguments to SPOOL.started; one that is exec'd, like every
other sibling, writes them to NAME.called in the folder of POSTBAG_CONFIG, its standard input with them, and exits 7.
"""

import shutil
from pathlib import Path

EXEC_STATUS = 7
SCRIPT = r"""#!/bin/sh
for word; do
  case $word in --lock=*) echo "$*" >"${word#*:}.started"; exit 0;; esac
done
name=${0##*/}
{ printf '%s\n' "$*"; cat; } >"${POSTBAG_CONFIG%/*}/$name.called"
echo "output of $name"
exit 7
"""


def make(folder, programs, names=("postbag-flush", "mailq", "newaliases")):
    """Fills a folder; returns {name: path} as the fixture `programs` does."""
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    made = {"sendmail": folder / "sendmail"}
    shutil.copy(programs["sendmail"], made["sendmail"])
    for name in names:
        made[name] = folder / name
        made[name].write_text(SCRIPT)
        made[name].chmod(0o755)
    return made


def started(account):
    """The arguments of the flush that a submission started; waits for it."""
    path = Path(f"{account.spool}.started")
    account.wait_until(lambda: path.exists() and path.read_bytes().endswith(b"\n"), what="the start of a flush")
    return path.read_text().split()


def never_started(account):
    """Whether no flush was even tried: who starts one takes its lock first."""
    return not Path(account.spool, "run/flush.lock").exists() and not Path(f"{account.spool}.started").exists()


def called(account, name):
    """(arguments, standard input) of a sibling that was exec'd; None: it was not."""
    path = account.folder / f"{name}.called"
    if not path.exists():
        return None
    words, _, stdin = path.read_bytes().partition(b"\n")
    return words.decode().split(), stdin
