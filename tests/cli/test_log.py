"""What goes to the log is what Postfix' log readers understand: their counts are right."""

import os
import re
import subprocess

import pytest
from support.installed import give, install
from support.postfix import extracted

REPLIES = {**{("rcpt", f"bad{n}@x.test"): "550 5.1.1 no such user" for n in range(2)},
           **{("rcpt", f"tmp{n}@x.test"): "450 4.2.1 busy (soon)" for n in range(3)}}
MESSAGES = [["a@x.test"], ["b@x.test", "c@x.test", "tmp0@x.test"], ["bad0@x.test"], ["d@x.test", "bad1@x.test"],
            ["tmp1@x.test"], ["tmp2@x.test", "e@x.test"]]
RECEIVED, SENT, DEFERRED, BOUNCED = 6, 5, 3, 2
REPORTS = 2  # bounces, delivered in the same run


@pytest.fixture
def recorded(world, smtpd, programs, tmp_path):
    """(lines, file) of the log of a run, as a syslog daemon writes them."""
    place = world(users=["jane"])
    server = smtpd(REPLIES, listener=place.listener())
    give(place, "jane", {".config/postbag/postbag.ini": f"[smarthost]\nhost = localhost:{server.port}\n"
                         "security = none\n"})
    paths = install(place, programs)
    for recipients in MESSAGES:
        done = place.run([paths["sendmail"], "-odq", "-f", "jane@sender.test", *recipients], user="jane",
                         input=b"Subject: hi\n\nhello\n")
        assert (done.returncode, done.stderr) == (0, b"")
    assert place.run([paths["postbag-flush"]], user="jane").returncode == 0
    assert len(server.messages) == 4 + REPORTS
    lines = [re.sub(r"^<\d+>(.{15}) ", r"\1 box ", line) for line in place.syslog]
    path = tmp_path / "mail.log"
    path.write_text("\n".join(lines) + "\n")
    return lines, path


def test_the_log_holds_a_line_for_each_event(recorded):
    lines, _ = recorded
    found = re.findall(r"status=(\w+)", "\n".join(lines))
    counts = {word: found.count(word) for word in found}
    assert counts == {"sent": SENT + REPORTS, "deferred": DEFERRED, "bounced": BOUNCED}
    shape = re.compile(r"\w{3} [ \d]\d \d\d:\d\d:\d\d box postbag/(pickup|qmgr|smtp|bounce)\[\d+\]: \S")
    assert [line for line in lines if not shape.match(line)] == []
    assert sum("postbag/pickup" in line and "uid=" in line for line in lines) == RECEIVED
    assert sum("sender non-delivery notification: " in line for line in lines) == REPORTS


def test_pflogsumm_counts_right(recorded):
    _, path = recorded
    done = subprocess.run(["pflogsumm", "--syslog-name", "postbag", str(path)], capture_output=True, text=True,
                          check=True, env={**os.environ, "LC_ALL": "C"})
    totals = done.stdout.partition("Grand Totals")[2].partition("Per-Hour")[0]

    def total(word):
        return int(re.search(rf"^ *(\d+) +{word}", totals, re.M)[1])

    assert total("received") == RECEIVED, totals
    assert total("delivered") == SENT + REPORTS
    assert total("deferred") == DEFERRED and f"({DEFERRED}  deferrals)" in totals
    assert total("bounced") == BOUNCED
    details = done.stdout.partition("message deferral detail")[2]
    assert "4.2.1 busy" in details and "5.1.1 no such user" in details.partition("message bounce detail")[2], done.stdout
    for recipient in ("b@x.test", "jane@sender.test"):
        assert recipient in done.stdout


def test_logwatch_counts_right(recorded):
    _, path = recorded
    script = extracted("logwatch") / "usr/share/logwatch/scripts/services/postfix"
    with path.open() as log:
        done = subprocess.run(["perl", str(script), "--syslog_name=postbag", "--detail=10", "--nosect_vars"], stdin=log,
                              capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

    def total(text):
        found = re.search(rf"^ *(\d+)   {text}", done.stdout, re.M)
        return int(found[1]) if found else 0

    assert total("Accepted") == RECEIVED, done.stdout
    assert total("Sent via SMTP") == SENT + REPORTS
    assert total("Deferred") == DEFERRED and total("Deferrals") == DEFERRED
    assert total(r"Bounced \(\w+\)") == BOUNCED and total("Notifications sent") == REPORTS
    assert "Unmatched" not in done.stdout, done.stdout
