"""mailq: what it prints, to the byte, and what it does to the queue."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from support.mailq_bed import (TEXT, alone, closing, first_line, leased,  # pylint: disable=unused-import
                               mailq, queue, size, told, write_why)
from support.pty_session import PtySession

EMPTY = b"Mail queue is empty\n"
HEADING = "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
COLUMN = " " * 47


# The listing.


def test_no_spool_at_all_is_an_empty_queue(account):
    result = mailq(account)
    assert (result.returncode, result.stdout, result.stderr) == (0, EMPTY, b"")
    assert not Path(account.spool).exists()


def test_an_empty_spool_is_an_empty_queue(account, queue):
    queue().path.unlink()
    result = mailq(account)
    assert (result.returncode, result.stdout, result.stderr) == (0, EMPTY, b"")
    assert mailq(account, "--json").stdout == b""


def test_the_listing_to_the_byte(account, queue):
    first = queue("ops@example.org", "dev@example.org")
    second = queue(sender="", text=TEXT + "x" * 2000 + "\n")
    result = mailq(account)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.decode() == (
        HEADING + first_line(first) + f"{COLUMN}ops@example.org\n{COLUMN}dev@example.org\n\n"
        + first_line(second, sender="MAILER-DAEMON") + f"{COLUMN}ops@example.org\n" + closing([first, second]))


def test_the_time_of_arrival_is_local(account, queue):
    entry = queue()
    shown = account.mailq(env={"TZ": "XST-5:30"}).stdout.decode()
    assert time.asctime(time.gmtime(int(entry.time) + 5 * 3600 + 1800))[:19] in shown


def test_reasons_stand_above_the_recipients_that_share_them(account, queue):
    entry = queue("a@example.org", "b@example.org", "c@example.org")
    write_why(account, entry, "attempts 3 1795175767\n0-1 4.4.1 Connection refused\n")
    assert mailq(account).stdout.decode() == (
        HEADING + first_line(entry) + " " * 58 + f"(Connection refused)\n{COLUMN}a@example.org\n{COLUMN}b@example.org\n"
        + " " * 58 + f"(reason unavailable)\n{COLUMN}c@example.org\n" + closing([entry]))


def test_only_recipients_that_are_waiting_are_listed(account, queue):
    entry = queue("a@example.org", "b@example.org")
    finished = queue()
    for each, statuses in ((entry, b"D."), (finished, b"B")):
        data = each.path.read_bytes()
        done = b"\ndone %d " % len(statuses)
        each.path.write_bytes(data.replace(done + b"." * len(statuses), done + statuses))
    assert mailq(account).stdout.decode() == (
        HEADING + first_line(entry) + f"{COLUMN}b@example.org\n" + closing([entry]))


def test_marks_of_held_and_leased_messages(account, queue, leased, alone):
    held, active = queue(), queue()
    assert mailq(account, "--hold", held.id).returncode == 0
    leased(active)
    assert mailq(account).stdout.decode() == (
        HEADING + first_line(held, "!") + f"{COLUMN}ops@example.org\n\n"
        + first_line(active, "*") + f"{COLUMN}ops@example.org\n" + closing([held, active]))
    names = [json.loads(line)["queue_name"] for line in mailq(account, "--json").stdout.splitlines()]
    assert names == ["hold", "active"]
    assert not alone.marker.exists()


def test_json_has_postqueues_keys(account, queue):
    entry = queue("ops", "dev@example.org")
    write_why(account, entry, "attempts 1 1795175767\n1 4.2.0 said \"later\"\n")
    result = mailq(account, "--json")
    assert (result.returncode, result.stderr) == (0, b"")
    one, two = entry.recipients
    original = f'"orig_address": "{one.original}", ' if one.original != one.address else ""
    assert result.stdout.decode() == (
        f'{{"queue_name": "deferred", "queue_id": "{entry.id}", "arrival_time": {int(entry.time)}, '
        f'"message_size": {size(entry)}, "forced_expire": false, "sender": "jane@lan.example", '
        f'"recipients": [{{{original}"address": "{one.address}"}}, '
        f'{{"address": "{two.address}", "delay_reason": "said \\"later\\""}}]}}\n')
    assert list(json.loads(result.stdout)) == ["queue_name", "queue_id", "arrival_time", "message_size",
                                               "forced_expire", "sender", "recipients"]


def test_json_calls_a_message_incoming_before_its_first_attempt(account, queue):
    queue()
    assert json.loads(mailq(account, "--json").stdout)["queue_name"] == "incoming"


def test_a_long_queue_is_listed_in_order(account, queue):
    entry = queue()
    copies = 700
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
    ids = [entry.id[:-3] + alphabet[i // 1024] + alphabet[i // 32 % 32] + alphabet[i % 32] for i in range(copies)]
    data = entry.path.read_bytes()
    entry.path.unlink()
    for name in reversed(ids):
        (entry.path.parent / f"{name}.0-{len(data)}").write_bytes(data)
    listed = re.findall(r"^([0-9A-V]{15}) ", mailq(account).stdout.decode(), re.M)
    assert listed == ids
    assert mailq(account).stdout.endswith(f"in {copies} Requests.\n".encode())


@pytest.mark.parametrize("count", [0, 1, 2, 11])
def test_both_of_check_mailqs_ways_to_count_agree(account, queue, count):
    for _ in range(count):
        queue()
    lines = mailq(account).stdout.decode().splitlines()
    postfix = re.search(r"Kbytes in (\d+)", lines[-1])
    assert postfix or re.search("Mail queue is empty", lines[-1])
    assert int(postfix[1] if postfix else 0) == count
    sendmail = [match[1] for line in lines if (match := re.search(r"^\s+Total\sRequests:\s(\d+)$", line, re.I))]
    assert [int(number) for number in sendmail] == ([count] if count else [])


def test_options_of_other_mailers_mean_nothing(account, queue):
    queue()
    plain = mailq(account)
    for options in (["-v"], ["-Ac"], ["-C", "/etc/postfix"], ["-C/etc/postfix", "-v"]):
        assert mailq(account, *options).stdout == plain.stdout


def test_sendmail_bp_lists_too(account, queue):
    queue()
    assert account.sendmail("-bp", env={"TZ": "UTC"}).stdout == mailq(account).stdout


# What cannot be read.


def test_a_damaged_message_is_told_and_the_rest_listed(account, queue):
    damaged, good = queue(), queue()
    data = damaged.path.read_bytes()
    damaged.path.write_bytes(data.replace(b"ops@example.org", b"ops@example.com"))
    result = mailq(account)
    assert result.returncode == 65
    assert result.stdout.decode() == HEADING + first_line(good) + f"{COLUMN}ops@example.org\n" + closing([good])
    assert re.fullmatch(f"mailq: {damaged.path}: line \\d+: the checksum does not fit\n", result.stderr.decode())


def test_a_strange_name_is_told_and_the_queue_not_called_empty(account, queue):
    strange = queue().path.rename(Path(account.spool, "queue", "strange\x1b[2J"))
    result = mailq(account)
    assert result.returncode == 65
    assert result.stdout == b"\n\t\tTotal requests: 0\n-- 0 Kbytes in 0 Requests.\n"
    assert result.stderr.decode() == f"mailq: {strange.parent}/strange?[2J: not the name of a message\n"


def test_somebody_elses_spool_is_an_error(account, queue):
    queue()
    if os.geteuid() != 0:
        pytest.skip("giving a folder away needs root")
    os.chown(Path(account.spool, "queue"), 12345, -1)
    status, complaint = told(mailq(account))
    assert status == 77
    assert complaint == f"mailq: {account.spool}/queue: belongs to uid 12345, not to uid 0\n"


def test_a_spool_that_is_none_is_an_error(account):
    Path(account.spool).write_text("")
    status, complaint = told(mailq(account))
    assert status == 74
    assert complaint.startswith(f"mailq: {account.spool}: ")


def test_a_wrong_configuration_is_told_and_the_listing_goes_on(account, queue):
    entry = queue()
    account.configure("[site]\ndomain = not a domain\n")
    result = mailq(account)
    assert result.returncode == 0
    assert result.stdout.decode() == HEADING + first_line(entry) + f"{COLUMN}ops@example.org\n" + closing([entry])
    assert result.stderr.decode().startswith(f"mailq: {account.config}:2: ")


def test_another_configuration_is_another_queue(account, make_account, queue):
    entry = queue()
    other = make_account(name="other")
    assert mailq(other).stdout == EMPTY
    assert entry.id in mailq(other, "--config", account.config).stdout.decode()


def test_output_that_cannot_be_written_is_an_error(account, queue):
    queue()
    with open("/dev/full", "wb") as full:
        result = subprocess.run([account.programs["mailq"]], env=account.env, stdout=full, stderr=subprocess.PIPE,
                                check=False)
    assert result.returncode in (74, 75)
    assert result.stderr == b"mailq: standard output: write: No space left on device\n"


# Changing the queue.


def test_delete_removes_the_message_and_what_is_known_of_it(account, queue, alone):
    gone, kept = queue(), queue()
    write_why(account, gone, "attempts 1 1795175767\n")
    assert told(mailq(account, "--delete", gone.id)) == (0, f"mailq: {gone.id}: removed\n")
    assert [entry.id for entry in account.entries()] == [kept.id]
    assert not Path(account.spool, "why", gone.id).exists()
    assert not alone.marker.exists()


def test_delete_takes_older_generations_too(account, queue):
    entry = queue()
    newer = entry.path.with_name(entry.name.replace(".0-", ".1-"))
    shutil.copy(entry.path, newer)
    assert told(mailq(account, "--delete", entry.id)) == (0, f"mailq: {entry.id}: removed\n")
    assert list(entry.path.parent.iterdir()) == []


def test_hold_and_release(account, queue, alone):
    entry = queue()
    assert told(mailq(account, "--hold", entry.id)) == (0, f"mailq: {entry.id}: placed on hold\n")
    assert account.entries()[0].state == "h-"
    assert told(mailq(account, "--hold", entry.id)) == (0, f"mailq: {entry.id}: on hold already\n")
    assert not alone.marker.exists()
    assert told(mailq(account, "--release", entry.id)) == (0, f"mailq: {entry.id}: released from hold\n")
    assert account.entries()[0].state == "--"
    assert any(word == f"--config={account.config}" for word in alone())
    assert told(mailq(account, "--release", entry.id)) == (0, f"mailq: {entry.id}: not on hold\n")
    assert entry.path.read_bytes().endswith(entry.message)


def test_retry_makes_a_message_due_and_starts_a_flush(account, queue, alone):
    entry = queue()
    os.utime(entry.path, (time.time(), time.time() + 3600))
    before = time.time()
    assert told(mailq(account, "--retry", entry.id)) == (0, f"mailq: {entry.id}: due now\n")
    assert before - 1 <= entry.path.stat().st_mtime <= time.time()
    words = alone()
    assert words[0].startswith("--lock=") and words[0].endswith(f":{account.spool}")


def test_what_is_on_hold_is_not_tried(account, queue, alone):
    entry = queue()
    mailq(account, "--hold", entry.id)
    assert told(mailq(account, "--retry", entry.id)) == (69, f"mailq: {entry.id}: on hold, release it first\n")
    assert told(mailq(account, "--retry", "ALL")) == (0, "")
    assert not alone.marker.exists()


def test_all_is_every_message(account, queue, alone):
    entries = [queue() for _ in range(3)]
    mailq(account, "--hold", entries[1].id)
    said = "".join(f"mailq: {entries[i].id}: placed on hold\n" for i in (0, 2))
    assert told(mailq(account, "--hold", "ALL")) == (0, said)
    said = "".join(f"mailq: {entry.id}: released from hold\n" for entry in entries)
    assert told(mailq(account, "--release", "ALL")) == (0, said)
    assert alone()
    said = "".join(f"mailq: {entry.id}: due now\n" for entry in entries)
    assert told(mailq(account, "--retry", "ALL")) == (0, said)
    said = "".join(f"mailq: {entry.id}: removed\n" for entry in entries)
    assert told(mailq(account, "--delete", "ALL")) == (0, said)
    assert account.entries() == []
    assert told(mailq(account, "--delete", "ALL")) == (0, "")


def test_a_message_that_is_being_delivered_is_left_alone(account, queue, leased):
    busy, idle = queue(), queue()
    leased(busy)
    complaint = f"mailq: {busy.id}: being delivered, try again\n"
    for action in ("--hold", "--release", "--retry", "--delete"):
        assert told(mailq(account, action, busy.id)) == (75, complaint)
    assert told(mailq(account, "--delete", "ALL")) == (75, f"{complaint}mailq: {idle.id}: removed\n")
    assert [entry.id for entry in account.entries()] == [busy.id]
    assert account.entries()[0].state == "--"


def test_an_unknown_id_is_told_and_the_others_follow(account, queue):
    entry = queue()
    unknown = "0" * 15
    result = mailq(account, "--delete", unknown, "../x\x1b", entry.id)
    assert told(result) == (66, f"mailq: {unknown}: not in the queue\nmailq: ../x?: not in the queue\n"
                                f"mailq: {entry.id}: removed\n")


def test_a_damaged_message_is_not_changed(account, queue):
    entry = queue()
    entry.path.write_bytes(entry.path.read_bytes().replace(b"postbag 1", b"postbag 2"))
    status, complaint = told(mailq(account, "--delete", entry.id))
    assert status == 65
    assert complaint.startswith(f"mailq: {entry.path}: line 1: ")
    assert entry.path.exists()


def test_an_action_without_a_spool(account):
    assert told(mailq(account, "--delete", "ALL")) == (0, "")
    assert told(mailq(account, "--show", "0" * 15)) == (66, f"mailq: {'0' * 15}: not in the queue\n")


# Showing a message.


def test_show_prints_envelope_and_message(account, queue, leased):
    entry = queue("ops@example.org", text=TEXT + "tab\tesc\x1b[2J\n")
    os.utime(entry.path, (0, 1795179367))
    leased(entry)
    result = mailq(account, "--show", entry.id)
    assert (result.returncode, result.stderr) == (0, b"")
    described, _, message = result.stdout.partition(b"\n\n")
    assert message == entry.message and b"\x1b[2J" in message
    assert described.decode().splitlines() == [
        f"Queue ID:     {entry.id}",
        "State:        being delivered",
        f"Arrival:      {time.asctime(time.gmtime(int(entry.time)))}",
        f"Submitted by: uid {os.getuid()}",
        f"Size:         {size(entry)} bytes, {int(entry.facts['lines'])} lines",
        "Attempts:     none",
        "Sender:       jane@lan.example",
        "Recipient:    ops@example.org, waiting"]


def test_show_tells_of_attempts(account, queue):
    entry = queue()
    os.utime(entry.path, (0, 4000000000))
    write_why(account, entry, "attempts 2 1795175767\n0 4.4.1 Connection refused\n")
    shown = mailq(account, "--show", entry.id).stdout.decode()
    assert "\nAttempts:     2, the last on Fri Nov 20 11:56:07 2026\n" in shown
    assert "\nNext attempt: Tue Oct  2 07:06:40 2096\n" in shown
    assert "\nRecipient:    ops@example.org, waiting: Connection refused\n" in shown


def test_show_lets_nothing_through_that_drives_a_terminal(account, queue):
    entry = queue(text="Subject: x\n\ntab\tesc\x1b[2J\x9b\nno end")
    with PtySession([account.programs["mailq"], "--show", entry.id], env=account.env) as session:
        session.finish()
    assert session.status == 0
    assert b"tab\tesc?[2J" in session.output
    assert b"\x1b" not in session.output and b"\x9b" not in session.output
    assert session.output.endswith(b"no end\r\n")


def test_show_of_unknown_ids_among_others(account, queue):
    one, two = queue(), queue()
    result = mailq(account, "--show", one.id, "ALL", two.id)
    assert (result.returncode, result.stderr) == (66, b"mailq: ALL: not in the queue\n")
    assert result.stdout.count(b"\nSubject: test\n") == 2


# The command line.


@pytest.mark.parametrize("arguments", [
    ["x"], ["--delete"], ["--delete", "--hold", "x"], ["--delete", "x", "--hold"], ["--json", "--show", "x"],
    ["--count", "x"], ["--count", "--json"], ["--requeue"], ["--format=exim"], ["--format=sendmail", "--hold", "x"],
    ["--config"], ["-q"]])
def test_what_is_not_understood_is_a_usage_error(account, queue, arguments):
    entry = queue()
    status, complaint = told(mailq(account, *arguments))
    assert status == 64
    assert re.fullmatch(r"mailq: .+\n", complaint)
    assert account.entries() == [entry]


def test_help_and_version(account):
    result = mailq(account, "--help")
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout.startswith(b"usage: mailq ")
    result = mailq(account, "--version")
    assert (result.returncode, result.stderr) == (0, b"")
    assert re.fullmatch(rb"mailq \(postbag\) \S+\n", result.stdout)
