"""newaliases with each of its system calls going wrong: the old aliases or the new ones, whole, and never a false success."""

import subprocess

import faults
from spoolcheck import Tally, quick_base, report

CONFIGURATION = "[local]\naliases = {}/aliases\n"
OLD = "".join(f"user{i}: old{i}@example.com\n" for i in range(100))
NEW = "".join(f"user{i}: new{i}@example.com\n" for i in range(500))


def env_of(folder):
    return {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": f"{folder}/postbag.ini"}


def listed(programs, world):
    done = subprocess.run([programs["praliases"], "-f", world / "aliases"], env=env_of(world), capture_output=True,
                          timeout=10, check=False)
    return done.returncode, done.stdout.decode().replace(":", ": "), done.stderr


def check_world(tally, programs, world, result, fault):
    """The complaints about one run."""
    # The text is as it was: what the database holds shows only where the text is spoilt.
    (world / "aliases").write_text("no alias\n")
    status, text, told = listed(programs, world)
    if status != 0 or text not in (OLD, NEW):
        yield f"LOST: {status} {text[:100]!r} {told!r}"
    if result.status == 0 and text != NEW:
        yield "told of success, but nothing was done"
    if result.status not in (0, 65, 66, 69, 70, 71, 74, 75, 77, 78, 124, 137):
        yield f"exit status {result.status}"
    left = sorted(path.name for path in world.glob("aliases*"))
    if left != ["aliases", "aliases.cdb"] and not fault.kind.startswith("kill") and fault.call.name != "unlink":
        yield f"left behind: {left}"
    tally.add(fault, "killed" if result.status == 137 else f"exit {result.status}")
    tally.add(fault, "new" if text == NEW else "old")
    # Whatever was left behind, the next run works.
    (world / "aliases").write_text(NEW)
    again = subprocess.run([programs["newaliases"]], env=env_of(world), capture_output=True, timeout=10, check=False)
    if again.returncode != 0 or listed(programs, world)[1] != NEW:
        yield f"the next run: {again}"


def test_a_crash_leaves_the_old_aliases_or_the_new(programs):
    def setup(world):
        (world / "postbag.ini").write_text(CONFIGURATION.format(world))
        (world / "postbag.ini").chmod(0o600)
        (world / "aliases").write_text(OLD)
        subprocess.run([programs["newaliases"]], env=env_of(world), check=True, capture_output=True)
        (world / "aliases").write_text(NEW)

    tally = Tally("newaliases")
    outcome = faults.matrix(
        [programs["newaliases"]], lambda *arguments: list(check_world(tally, programs, *arguments)),
        setup=setup, kinds=("kill", "error", "error-after", "short", "full"), base=quick_base(), timeout=5,
        keep=lambda fault: "/aliases" in fault.call.path or fault.call.name == "fsync",
        env={"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": "{folder}/postbag.ini"}, cwd="{folder}")
    report("newaliases", tally.text(outcome))
    assert outcome.complaints == [], outcome
    assert outcome.hit >= outcome.points * 0.9, outcome
    for word in ("killed", "exit 75", "new", "old"):
        assert tally.total(word) > 0, word
