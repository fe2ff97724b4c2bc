"""mail(1) with each of its system calls going wrong: a letter is taken or kept, or its author is told that it is not."""

import pytest

import faults
from spoolcheck import Tally, quick_base, report

TEXT = b"line one\nline two\n"
MAILERS = {"taken": 'cat >"$HOME/taken" && exit 0\nexit 75\n', "refused": 'cat >/dev/null\necho "no room" >&2\nexit 75\n'}


def whole(path, end=b""):
    return path.exists() and path.read_bytes().endswith(b"\n\n" + TEXT + end)


def check_world(tally, world, result, fault):
    """The complaints about one run."""
    taken, kept = whole(world / "taken"), whole(world / "dead.letter", b"\n")
    if result.status == 0 and not taken:
        yield "status 0, and nobody has the letter"
    # Made, and nothing written yet: no half of anything.
    spoilt = (world / "dead.letter").exists() and not kept and (world / "dead.letter").stat().st_size > 0
    if spoilt:
        yield f"half a letter is kept: {(world / 'dead.letter').read_bytes()!r}"
    left = sorted(path.name for path in world.iterdir() if path.name not in ("mailer", "taken", "dead.letter"))
    if left and not fault.kind.startswith("kill") and fault.kind != "signal" and fault.call.name != "unlink":
        yield f"left behind: {left}"
    if not fault.kind.startswith("kill") and fault.kind != "signal" and result.status != 0 and not result.stderr:
        yield f"status {result.status} without a word"
    outcome = "taken" if taken else "kept" if kept else "told"
    tally.add(fault, f"{outcome}, exit {'0' if result.status == 0 else 'other'}")


@pytest.mark.parametrize("mailer", MAILERS)
def test_no_fault_loses_a_letter_in_silence(programs, mailer):
    def setup(world):
        (world / "mailer").write_text("#!/bin/sh\n" + MAILERS[mailer])
        (world / "mailer").chmod(0o755)

    tally = Tally(f"mail, {mailer}")
    outcome = faults.matrix(
        [programs["mail"], "-n", "-Ssendmail={folder}/mailer", "-s", "s", "a@x.test"],
        lambda *arguments: list(check_world(tally, *arguments)), setup=setup, stdin=TEXT, paths=["{folder}", "memfd*"],
        kinds=("kill", "kill-process", "error", "short", "full"), base=quick_base(), timeout=10,
        env={"PATH": "/usr/bin:/bin", "HOME": "{folder}", "LOGNAME": "jane", "MAILRC": "/dev/null"}, cwd="{folder}")
    report(f"mail {mailer}", tally.text(outcome))
    assert outcome.complaints == [], outcome
    assert outcome.hit >= outcome.points * 0.9, outcome
    assert tally.total("taken, exit 0" if mailer == "taken" else "kept, exit other") > 0
