"""mailq: Sendmail's form, the count, what monitors read, the note about a flush that is not run, and requeueing."""

import os
import re
import time
from pathlib import Path

import pytest
from support.mailq_bed import (alone, leased, mailq, queue, size, told,  # pylint: disable=unused-import
                               write_why)

# pylint: disable=redefined-outer-name

# Other forms.

SENDMAIL_HEADING = "-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------\n"
NAGIOS_POSTFIX = re.compile(r"Kbytes in (\d+)|Mail queue is empty")
NAGIOS_SENDMAIL = re.compile(r"^\s+Total\sRequests:\s(\d+)$", re.I | re.M)


def test_sendmails_form_to_the_byte(account, queue, leased):
    empty = mailq(account, "--format=sendmail")
    assert (empty.returncode, empty.stdout) == (0, b"/var/spool/mqueue is empty\n\t\tTotal requests: 0\n")
    one = queue("ops@example.org", "a" * 50 + "@x.test", text="Subject: x\n\n\u00e4\n")
    two = queue(sender="<>")
    write_why(account, one, "attempts 1 1795175767\n1 4.4.1 Connection refused by " + "s" * 80 + "\n")
    leased(two)
    stamps = [time.asctime(time.gmtime(int(entry.time)))[:16] for entry in (one, two)]
    assert mailq(account, "--format=sendmail").stdout.decode() == (
        "\t\t/var/spool/mqueue (2 requests)\n" + SENDMAIL_HEADING +
        f"{one.id} {size(one):>8} {stamps[0]} <jane@lan.example>\n"
        f"      8BITMIME   ({('Deferred: Connection refused by ' + 's' * 80)[:60]})\n"
        f"\t\t\t\t\t <ops@example.org>\n\t\t\t\t\t <{'a' * 37}\n"
        f"{two.id}*{size(two):>8} {stamps[1]} MAILER-DAEMON\n"
        "\t\t\t\t\t <ops@example.org>\n"
        "\t\tTotal requests: 2\n")


def test_count_is_a_number_alone(account, queue):
    assert mailq(account, "--count").stdout == b"0\n"
    queue(), queue()
    assert mailq(account, "--count").stdout == b"2\n"


@pytest.mark.parametrize("form", [[], ["--format=postfix"], ["--format=sendmail"]], ids=str)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_check_mailq_counts_right(account, queue, form, count):
    for _ in range(count):
        queue()
    text = mailq(account, *form).stdout.decode()
    if form == ["--format=sendmail"] or count:
        assert int(NAGIOS_SENDMAIL.findall(text)[-1]) == count
    else:
        assert NAGIOS_SENDMAIL.findall(text) == []  # what it finds nothing in it calls empty
    if form != ["--format=sendmail"]:
        assert (NAGIOS_POSTFIX.search(text.splitlines()[-1])[1] or "0") == str(count)
    else:
        assert "mqueue" in text and re.findall(r" \((\d+) request", text) == ([str(count)] if count else [])


@pytest.mark.parametrize("form", [[], ["--json"], ["--count"], ["--format=sendmail"]], ids=str)
def test_a_flush_that_is_not_run_is_noted_on_stderr(account, queue, form):
    entry = queue()
    quiet = mailq(account, *form)
    assert quiet.stderr == b""
    os.utime(entry.path, (0, time.time() - 1000))
    result = mailq(account, *form)
    assert (result.returncode, result.stdout) == (0, quiet.stdout)
    assert result.stderr == (b"mailq: note: the queue has never been run; is the timer or crontab line there? "
                             b"'sendmail -q' runs it now\n")
    last = Path(account.spool, "run/last")
    last.write_text(f"{int(time.time()) - 3 * 3600 - 5}\n")
    assert b"the queue was last run 3 hours ago;" in mailq(account, *form).stderr
    last.write_text(f"{int(time.time()) - 60}\n")
    assert mailq(account, *form).stderr == b""


def test_no_note_about_what_is_held(account, queue):
    entry = queue()
    assert mailq(account, "--hold", entry.id).returncode == 0
    os.utime(entry.path, (0, time.time() - 1000))
    assert mailq(account).stderr == b""


# Requeueing.


@pytest.mark.usefixtures("alone")
def test_requeue_makes_the_next_generation_due(account, queue, alone):
    entry = queue("ops@example.org", "root", "\\jane")
    write_why(account, entry, "attempts 2 1795175767\n0 4.4.1 Connection refused\n")
    os.utime(entry.path, (0, 4000000000))
    assert told(mailq(account, "--requeue", entry.id)) == (0, f"mailq: {entry.id}: requeued\n")
    again, = account.entries()
    assert (again.id, again.generation, again.message) == (entry.id, 1, entry.message)
    assert (again.senders, again.recipients) == (entry.senders, entry.recipients)
    assert [to.kind for to in again.recipients] == ["a", "u", "m"]
    assert again.path.stat().st_mtime <= time.time() and not list(Path(account.spool, "why").iterdir())
    assert alone()


def test_requeue_leaves_what_is_held_on_hold(account, queue, alone):
    entries = [queue(), queue()]
    assert mailq(account, "--hold", "ALL").returncode == 0
    os.utime(account.entries()[0].path, (0, 4000000000))
    assert mailq(account, "--requeue", "ALL").returncode == 0
    again = account.entries()
    assert [(each.id, each.generation, each.state) for each in again] == [(each.id, 1, "h-") for each in entries]
    assert again[0].path.stat().st_mtime == 4000000000
    assert not alone.marker.exists()


def test_requeue_of_what_is_being_delivered_is_refused(account, queue, leased):
    entry = queue()
    leased(entry)
    assert told(mailq(account, "--requeue", entry.id)) == (75, f"mailq: {entry.id}: being delivered, try again\n")
    assert account.entries() == [entry]
