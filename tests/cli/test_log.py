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

# Mail that stays: an alias of several, a file, commands that take it, refuse it or are not ready, and nobody.
ALIASES = "staff: jane, /home/jane/archive\nyes: |exit 0\nno: |exit 67\nlater: |exit 75\n"
LOCAL_MESSAGES = [["jane"], ["staff", "yes"], ["no"], ["later", "jane"], ["nobody-here"], ["a@x.test", "jane"]]
LOCAL_RECEIVED, LOCAL_SENT, LOCAL_DEFERRED, LOCAL_BOUNCED = 6, 7, 1, 2


def record(place, paths, sender, messages):
    """Sends and delivers them as jane; the log's lines, as a syslog daemon writes them."""
    for recipients in messages:
        done = place.run([paths["sendmail"], "-odq", "-f", sender, *recipients], user="jane",
                         input=b"Subject: hi\n\nhello\n")
        assert (done.returncode, done.stderr) == (0, b"")
    assert place.run([paths["postbag-flush"]], user="jane").returncode == 0
    return [re.sub(r"^<\d+>(.{15}) ", r"\1 box ", line) for line in place.syslog]


def relayed_through(server):
    return f"[smarthost]\nhost = localhost:{server.port}\nsecurity = none\n"


@pytest.fixture
def recorded(world, smtpd, programs, tmp_path):
    """(lines, file) of the log of a run."""
    place = world(users=["jane"])
    server = smtpd(REPLIES, listener=place.listener())
    give(place, "jane", {".config/postbag/postbag.ini": relayed_through(server)})
    lines = record(place, install(place, programs), "jane@sender.test", MESSAGES)
    assert len(server.messages) == 4 + REPORTS
    path = tmp_path / "mail.log"
    path.write_text("\n".join(lines) + "\n")
    return lines, path


@pytest.fixture
def recorded_here(world, smtpd, programs, tmp_path):
    """The same of a run whose mail stays on this machine, all but one."""
    place = world(users=["jane"])
    place.path("/var/mail").chmod(0o1777)
    server = smtpd(listener=place.listener())
    give(place, "jane", {".config/postbag/postbag.ini": f"[local]\naliases = ~/aliases\n{relayed_through(server)}",
                         "aliases": ALIASES})
    lines = record(place, install(place, programs), "jane", LOCAL_MESSAGES)
    assert place.path("/var/mail/jane").read_bytes().count(b"\nDelivered-To: ") == 4 + LOCAL_BOUNCED
    path = tmp_path / "mail.log"
    path.write_text("\n".join(lines) + "\n")
    return lines, path


def pflogsumm(path):
    """(totals, all) of what it prints; total(word) in totals."""
    done = subprocess.run(["pflogsumm", "--syslog-name", "postbag", str(path)], capture_output=True, text=True,
                          check=True, env={**os.environ, "LC_ALL": "C"})
    return done.stdout.partition("Grand Totals")[2].partition("Per-Hour")[0], done.stdout


def total_of(totals, word):
    return int(re.search(rf"^ *(\d+) +{word}", totals, re.M)[1])


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
    totals, printed = pflogsumm(path)
    assert total_of(totals, "received") == RECEIVED, totals
    assert total_of(totals, "delivered") == SENT + REPORTS
    assert total_of(totals, "deferred") == DEFERRED and f"({DEFERRED}  deferrals)" in totals
    assert total_of(totals, "bounced") == BOUNCED
    details = printed.partition("message deferral detail")[2]
    assert "4.2.1 busy" in details and "5.1.1 no such user" in details.partition("message bounce detail")[2], printed
    for recipient in ("b@x.test", "jane@sender.test"):
        assert recipient in printed


def test_pflogsumm_counts_mail_that_stays(recorded_here):
    lines, path = recorded_here
    local = [line for line in lines if " status=" in line and "a@x.test" not in line]
    shape = re.compile(r".{15} box postbag/local\[\d+\]: \w{15}: to=<[^>]+>, (orig_to=<[^>]+>, )?relay=local(, conn_use=\d+)?, "
                       r"delay=[\d.]+, delays=[\d.]+/[\d.]+/[\d.]+/[\d.]+, dsn=\d\.\d\.\d, status=\w+ \(.+\)$")
    assert [line for line in local if not shape.match(line)] == []
    totals, printed = pflogsumm(path)
    assert total_of(totals, "received") == LOCAL_RECEIVED, printed
    assert total_of(totals, "delivered") == LOCAL_SENT + LOCAL_BOUNCED, printed  # the bounces among them
    assert total_of(totals, "deferred") == LOCAL_DEFERRED and f"({LOCAL_DEFERRED}  deferrals)" in totals
    assert total_of(totals, "bounced") == LOCAL_BOUNCED
    bounced = printed.partition("message bounce detail")[2]
    assert "temporary failure" in printed.partition("message deferral detail")[2].partition("bounce detail")[0], printed
    assert "unknown user" in bounced and "user unknown" in bounced, printed


def logwatch(path):
    """(total, all) of what it prints; total(text) gives a count."""
    script = extracted("logwatch") / "usr/share/logwatch/scripts/services/postfix"
    with path.open() as log:
        done = subprocess.run(["perl", str(script), "--syslog_name=postbag", "--detail=10", "--nosect_vars"], stdin=log,
                              capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

    def total(text):
        found = re.search(rf"^ *(\d+)   {text}", done.stdout, re.M)
        return int(found[1]) if found else 0

    return total, done.stdout


def test_logwatch_counts_right(recorded):
    _, path = recorded
    total, printed = logwatch(path)
    assert total("Accepted") == RECEIVED, printed
    assert total("Sent via SMTP") == SENT + REPORTS
    assert total("Deferred") == DEFERRED and total("Deferrals") == DEFERRED
    assert total(r"Bounced \(\w+\)") == BOUNCED and total("Notifications sent") == REPORTS
    assert "Unmatched" not in printed, printed


def test_logwatch_counts_mail_that_stays(recorded_here):
    _, path = recorded_here
    total, printed = logwatch(path)
    assert total("Accepted") == LOCAL_RECEIVED and total("Sent via SMTP") == 1, printed
    assert total("Delivered") == LOCAL_SENT + LOCAL_BOUNCED - 1, printed
    assert total("Deferred") == LOCAL_DEFERRED and total("Deferrals") == LOCAL_DEFERRED
    assert total(r"Bounced \(local\)") == LOCAL_BOUNCED and total("Notifications sent") == LOCAL_BOUNCED
    assert "Unmatched" not in printed, printed
