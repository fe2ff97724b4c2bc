"""mailq --requeue with each of its system calls going wrong: the message is there, whole, in one generation or the other."""

import shutil
import subprocess

import faults
from spoolcheck import Tally, queue_of, quick_base, report

CONFIGURATION = "[site]\ndomain = lan.example\n\n[spool]\ndirectory = {}/state/spool\n"
TEXT = b"Subject: hi\n\n.dot\n" + b"".join(b"%06d a line\n" % n for n in range(12000))


def prepare(world):
    (world / "postbag.ini").write_text(CONFIGURATION.format(world))
    (world / "postbag.ini").chmod(0o600)


def check_world(tally, before, mailq, world, result, fault):
    """The complaints about one run; before is the entry that was to be requeued."""
    whole, complaints = queue_of(world / "state/spool")
    yield from complaints
    generations = sorted(entry.generation for entry in whole)
    if generations not in ([0], [1], [0, 1]):
        yield f"LOST: generations {generations}"
    for entry in whole:
        if (entry.id, entry.message, entry.senders, entry.recipients, entry.state) != (
                before.id, before.message, before.senders, before.recipients, "h-"):
            yield f"another message: {entry.name}"
    if result.status == 0 and 1 not in generations:
        yield "told of success, but nothing was done"
    if result.status not in (0, 65, 66, 69, 70, 71, 74, 75, 77, 124, 137):
        yield f"exit status {result.status}"
    left = list((world / "state/spool/tmp").iterdir())
    if left and not fault.kind.startswith("kill") and fault.call.name != "unlinkat":
        yield f"left in tmp/: {left}"
    tally.add(fault, "killed" if result.status == 137 else f"exit {result.status}")
    tally.add(fault, f"generations {generations}")
    env = {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": str(world / "postbag.ini")}
    counted = subprocess.run([mailq, "--count"], env=env, capture_output=True, timeout=5, check=False)
    if whole and counted.stdout != b"1\n":
        yield f"listed: {counted}"


def choose(fault):
    """What happens in the spool; ELOOP from opening an entry says that it is a link, as it should."""
    return "/state/spool/" in fault.call.path and not (fault.value == "ELOOP" and "/queue/" in fault.call.path)


def test_a_crash_leaves_one_generation_or_the_other(programs, tmp_path):
    template = tmp_path / "template"
    template.mkdir()
    prepare(template)
    env = {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": str(template / "postbag.ini")}
    for words, text in ((("sendmail", "-odq", "-f", "jane@lan.example", "a@x.test", "root"), TEXT),
                        (("mailq", "--hold", "ALL"), b"")):
        subprocess.run([programs[words[0]], *words[1:]], input=text, env=env, check=True, capture_output=True)
    (before,), complaints = queue_of(template / "state/spool")
    assert complaints == []

    def setup(world):
        shutil.copytree(template, world, dirs_exist_ok=True)
        prepare(world)

    tally = Tally("mailq --requeue")
    outcome = faults.matrix(
        [programs["mailq"], "--requeue", before.id],
        lambda *arguments: list(check_world(tally, before, programs["mailq"], *arguments)),
        setup=setup, kinds=("kill", "error", "error-after", "short", "full"), base=quick_base(), timeout=5, keep=choose,
        env={"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": "{folder}/postbag.ini"}, cwd="{folder}")
    report("requeue", tally.text(outcome))
    assert outcome.complaints == [], outcome
    assert outcome.hit >= outcome.points * 0.9, outcome
    for word in ("killed", "exit 0", "exit 75", "generations [0]", "generations [0, 1]", "generations [1]"):
        assert tally.total(word) > 0, word
