"""What comes back to the sender, for which causes, once, and what never does."""

import mailbox

import pytest
from support.queueing import SENDER, TEXT, flushed, log_of, queue_one, statuses, why
from support.report import parse

REFUSED = {("rcpt", "bad@x.test"): "550 5.1.1 no such user"}


def relay(account, server, more="", **settings):
    account.relay_through(server, more, **{"security": "none", "helo": "box.lan.example", **settings})


def bounce_of(server, sender=SENDER):
    """The one bounce that the smarthost was given, in the same run as the message."""
    message, = (each for each in server.messages if each.sender == "")
    assert message.addresses == [sender] and server.violations == []
    return parse(message.data)


# The causes.


@pytest.mark.parametrize("step, command", [("mail", "MAIL FROM command"), ("rcpt", "RCPT TO command"),
                                           ("data", "DATA command"), ("dot", "end of DATA command")])
def test_a_refusal_comes_back_with_what_was_said(account, smtpd, step, command):
    server = smtpd({step: ["554 5.7.0 not this one"]})
    relay(account, server)
    entry = queue_one(account, "bob@example.org")
    flushed(account)
    report = bounce_of(server)
    assert report.actions == [("bob@example.org", "failed", "5.7.0")] and account.entries() == []
    recipient, = report.recipients
    assert recipient["Remote-MTA"] == "dns; localhost"
    assert recipient["Diagnostic-Code"] == "smtp; 554 5.7.0 not this one"
    assert report.fields["X-Postbag-Queue-ID"] == entry.id
    assert report.message["Subject"] == "Undelivered Mail Returned to Sender"
    assert f"(in reply to {command})" in " ".join(report.text.split()) and "<bob@example.org>" in report.text
    assert report.whole and b"Subject: hi\n" in report.original and report.original.endswith(b"\n\nhello\n")


def test_what_is_larger_than_the_server_takes_comes_back(account, smtpd):
    server = smtpd(offers=["PIPELINING", "SIZE 20000"])
    relay(account, server)
    queue_one(account, text=b"Subject: large\n\n" + b"x" * 70 * 1000 + b"\n")
    flushed(account)
    report = bounce_of(server)
    assert report.actions == [("bob@example.org", "failed", "5.3.4")]
    assert "20000 bytes" in report.recipients[0]["Diagnostic-Code"] and "Remote-MTA" not in report.recipients[0]
    assert not report.whole and b"Subject: large" in report.original  # it would not have come through either
    assert server.verbs.count("MAIL") == 1  # the bounce's


def test_an_address_that_needs_smtputf8_comes_back_where_that_is_not_offered(account, smtpd):
    server = smtpd(without=["SMTPUTF8"])
    relay(account, server)
    entry = queue_one(account, "b\u00f6b@example.org", "bob@example.org")
    flushed(account)
    report = bounce_of(server)
    assert report.actions == [("b\u00f6b@example.org", "failed", "5.6.7")]
    assert report.fields["X-Postbag-Queue-ID"] == entry.id
    assert [each.addresses for each in server.messages if each.sender] == [["bob@example.org"]]
    assert account.entries() == []


def test_a_route_may_be_an_error(account, smtpd):
    server = smtpd()
    relay(account, server, "\n[routes]\nold.test = error 5.1.2 550 no such department\n")
    queue_one(account, "bob@old.test", "bob@example.org")
    flushed(account)
    report = bounce_of(server)
    assert report.actions == [("bob@old.test", "failed", "5.1.2")]
    assert "550 no such department" in report.recipients[0]["Diagnostic-Code"]
    assert [each.addresses for each in server.messages if each.sender] == [["bob@example.org"]]


@pytest.mark.parametrize("fields", [50, 51])
def test_what_goes_round_in_circles_comes_back(account, smtpd, fields):
    server = smtpd()
    relay(account, server)
    ours = 1  # sendmail adds one
    queue_one(account, text=b"Received: by x; Mon, 1 Jan 2024 00:00:00 +0000\n" * (fields - ours) + TEXT)
    flushed(account)
    if fields == 50:
        assert [each.sender for each in server.messages] == [SENDER]
        return
    report = bounce_of(server)
    assert report.actions == [("bob@example.org", "failed", "5.4.6")] and len(server.messages) == 1
    assert "too many hops" in report.recipients[0]["Diagnostic-Code"]


def test_a_loop_ends(account, smtpd):
    server = smtpd()
    relay(account, server)
    queue_one(account)
    rounds = 0
    while rounds < 60:
        flushed(account)
        message = server.messages.pop()
        if message.sender == "":
            break
        rounds += 1  # the smarthost sends it back
        done = account.sendmail("-odq", "-f", message.sender, *message.addresses, input=message.data)
        assert done.returncode == 0
    assert rounds == 50 and not server.messages and account.entries() == []
    report = parse(message.data)
    assert (message.addresses, report.actions) == ([SENDER], [("bob@example.org", "failed", "5.4.6")])


# What is our own fault never comes back.


@pytest.mark.parametrize("reply", [
    "530 5.7.0 log in", "534 5.7.9 weak", "535 5.7.8 bad", "538 5.7.11 encrypt", "500 5.5.1 what", "501 5.5.4 syntax",
    "502 5.5.1 no", "503 5.5.1 order", "504 5.5.4 no", "555 5.5.4 parameters", "550 5.7.8 x", "550 5.7.9 x",
    "550 5.7.11 x"])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "dot"])
def test_a_reply_about_our_set_up_delays(account, smtpd, step, reply):
    server = smtpd({step: reply})
    relay(account, server)
    entry = queue_one(account)
    flushed(account)
    waiting, = account.entries()
    assert (waiting.id, waiting.statuses) == (entry.id, ".") and server.messages == []
    assert reply in why(account) and "\n0 4." in why(account)


@pytest.mark.parametrize("count, refused, bounces", [(2, 2, 2), (3, 3, 0), (4, 2, 2), (5, 5, 0)])
def test_a_server_that_refuses_the_first_three_whole_refuses_us(account, smtpd, count, refused, bounces):
    server = smtpd({"rcpt": lambda session: None if session.transaction.sender == "" or
                    len(taken) >= refused or taken.append(1) else "550 5.7.1 no relaying"})
    taken = []
    relay(account, server, connections=1)
    for number in range(count):
        queue_one(account, f"r{number}@example.org")
    log = log_of(account)
    told = [each for each in server.messages if each.sender == ""]
    assert len(told) == bounces
    if bounces:
        assert len(server.messages) == count and account.entries() == []
    else:
        assert statuses(account) == ["."] * count and len(server.connections) == 1
        assert why(account).count("all mail is refused, so the set-up must be wrong") == count
        assert server.verbs.count("RCPT") in (3, 4, 5)  # one more may be under way by then
        assert len([line for line in log if " fails: " in line]) == 1


# Who is told, and of what.


def test_mixed_results_come_back_in_one_bounce(account, smtpd):
    server = smtpd({**REFUSED, ("rcpt", "tmp@x.test"): "450 4.2.1 busy", ("rcpt", "gone@x.test"): "551 5.1.6 moved"})
    relay(account, server)
    entry = queue_one(account, "a@x.test", "bad@x.test", "tmp@x.test", "gone@x.test", "b@x.test")
    flushed(account)
    report = bounce_of(server)
    assert report.actions == [("bad@x.test", "failed", "5.1.1"), ("gone@x.test", "failed", "5.1.6")]
    assert "these recipients" in report.text and "a@x.test" not in report.text
    waiting, = account.entries()
    assert (waiting.id, waiting.statuses) == (entry.id, "DB.BD")
    flushed(account, "--all")
    assert len(server.messages) == 2  # told once


def delivered(account, user):
    """Puts a folder for mailboxes there, and gives the messages that lie in this user's afterwards."""
    account.mail.mkdir(exist_ok=True)
    flushed(account, "--all")
    return [message.as_bytes() for message in mailbox.mbox(account.mail / user)]


def test_of_mail_without_a_sender_the_postmaster_is_told(account, smtpd):
    server = smtpd(REFUSED)
    relay(account, server)
    entry = queue_one(account, "bad@x.test", sender="")
    flushed(account)
    waiting, = account.entries()
    assert (waiting.sender, waiting.addresses, waiting.statuses) == ("", ["postmaster"], ".")
    notice, = delivered(account, "root")
    report = parse(notice)
    assert report.message["To"] == "postmaster@lan.example" and f"X-Postbag-Queue-ID: {entry.id}".encode() in notice
    assert b"550 5.1.1 no such user" in notice
    assert account.entries() == [] and server.verbs.count("RCPT") == 1 and server.messages == []


def test_of_a_bounce_that_is_refused_the_postmaster_is_told_once(account, smtpd):
    server = smtpd({**REFUSED, ("rcpt", SENDER): "550 5.1.1 you do not exist"})
    relay(account, server)
    queue_one(account, "ok@x.test")
    queue_one(account, "bad@x.test")
    flushed(account)
    flushed(account, "--all")
    notice, = delivered(account, "root")
    assert b"you do not exist" in notice and account.entries() == []


def test_a_notice_to_the_postmaster_that_is_refused_is_held(account, smtpd):
    server = smtpd({**REFUSED, ("rcpt", SENDER): "550 5.1.1 you do not exist", ("rcpt", "post@x.test"): "550 5.1.1 me neither"})
    relay(account, server)
    account.config.write_text(account.config.read_text().replace("[site]\n", "[site]\npostmaster = post@x.test\n"))
    for _ in range(2):
        queue_one(account, "ok@x.test")
    queue_one(account, "bad@x.test")
    for _ in range(3):
        flushed(account, "--all")
    notice, = account.entries()
    assert notice.sender == "" and notice.state[0] == "h" and "me neither" in why(account)
    assert f"{notice.id}!" in account.mailq().stdout.decode()
    assert server.verbs.count("MAIL") == 5, "each is tried once"


def test_a_bounce_to_a_sender_on_this_machine_lies_in_his_mailbox(account, smtpd):
    server = smtpd(REFUSED)
    relay(account, server)
    queue_one(account, "bad@x.test", sender="root")
    flushed(account)
    bounce, = account.entries()  # there is no folder for mailboxes
    assert (bounce.sender, bounce.addresses, bounce.statuses) == ("", ["root"], ".") and server.messages == []
    assert "cannot update mailbox" in why(account)
    notice, = delivered(account, "root")
    assert parse(notice).message["To"] == "root@lan.example" and account.entries() == []


@pytest.mark.parametrize("notify, told", [(None, True), ("failure", True), ("delay,failure", True), ("never", False),
                                          ("delay", False), ("success", False)])
def test_notify_decides_about_bounces(account, smtpd, notify, told):
    server = smtpd(REFUSED)
    relay(account, server)
    queue_one(account, "bad@x.test", options=["-N", notify] if notify else [])
    flushed(account)
    assert [each.sender for each in server.messages] == ([""] if told else []) and account.entries() == []


@pytest.mark.parametrize("ret, size, whole", [(None, 10, True), ("full", 10, True), ("hdrs", 10, False),
                                              (None, 60_000, False), ("full", 60_000, True)])
def test_ret_decides_how_much_comes_back(account, smtpd, ret, size, whole):
    server = smtpd(REFUSED)
    relay(account, server)
    body = (b"0123456789" * 5 + b"\n") * (size // 51 + 1)
    queue_one(account, "bad@x.test", text=b"Subject: hi\n\n" + body, options=["-R", ret] if ret else [])
    flushed(account)
    report = bounce_of(server)
    original = report.original.replace(b"\r\n", b"\n")
    assert report.whole == whole and b"Subject: hi\n" in original and (body in original) == whole


def test_success_is_reported_exactly_where_the_next_host_does_not(account, smtpd):
    for number, without in enumerate((["DSN"], [])):
        server = smtpd(REFUSED, without=without)
        relay(account, server)
        queue_one(account, "a@x.test", "bad@x.test", options=["-N", "success,failure", "-V", "Q+2B1", "-R", "hdrs"])
        flushed(account)
        reports = [parse(each.data) for each in server.messages if each.sender == ""]
        failure, *success = sorted(reports, key=lambda report: report.actions[0][1])
        assert failure.actions == [("bad@x.test", "failed", "5.1.1")]
        assert all(report.fields["Original-Envelope-Id"] == "Q+1" for report in reports)
        delivered, = (each for each in server.messages if each.sender)
        if without:
            assert [each.actions for each in success] == [[("a@x.test", "relayed", "2.0.0")]]
            assert success[0].message["Subject"] == "Successful Mail Delivery Report" and not success[0].whole
            assert delivered.recipients == [("a@x.test", {})] and delivered.sender_params.keys() == {"SIZE"}
        else:
            assert success == [] and delivered.recipients[0][1] == {"NOTIFY": "SUCCESS,FAILURE"}
            assert delivered.sender_params["ENVID"] == "Q+2B1" and delivered.sender_params["RET"] == "HDRS"
        assert account.entries() == [], number


def test_success_is_not_reported_to_nobody_or_unasked(account, smtpd):
    server = smtpd(without=["DSN"])
    relay(account, server)
    queue_one(account)
    queue_one(account, options=["-N", "success"], sender="")
    flushed(account)
    assert [each.addresses for each in server.messages] == [["bob@example.org"]] * 2 and account.entries() == []


def submit_with_dsn(account):
    """Four recipients, each with a NOTIFY and ORCPT of its own, through `sendmail -bs`."""
    with account.session("-odq") as client:
        client.ehlo()
        client.mail(SENDER, ["ENVID=E+2B1", "RET=HDRS"])
        for number, notify in enumerate(("FAILURE", "NEVER", "DELAY", "")):
            words = [f"NOTIFY={notify}"] if notify else []
            client.rcpt(f"bad{number}@x.test", [*words, f"ORCPT=rfc822;first+2B{number}@x.test"])
        assert client.data(TEXT)[0] == 250
        client.quit()


def test_the_recipients_of_each_notify_are_their_own(account, smtpd):
    server = smtpd({("rcpt", f"bad{n}@x.test"): "550 5.1.1 no such user" for n in range(4)}, without=["DSN"])
    relay(account, server)
    submit_with_dsn(account)
    flushed(account)
    report = bounce_of(server)
    assert report.actions == [("bad0@x.test", "failed", "5.1.1"), ("bad3@x.test", "failed", "5.1.1")]
    assert [each["Original-Recipient"] for each in report.recipients] == ["rfc822; first+0@x.test",
                                                                         "rfc822; first+3@x.test"]
    assert report.fields["Original-Envelope-Id"] == "E+1" and not report.whole and account.entries() == []


def test_what_the_sender_wants_is_passed_on_where_it_can_be(account, smtpd):
    server = smtpd()
    relay(account, server)
    submit_with_dsn(account)
    flushed(account)
    message, = server.messages
    assert {name: message.sender_params[name] for name in ("ENVID", "RET")} == {"ENVID": "E+2B1", "RET": "HDRS"}
    wanted = [{"NOTIFY": "FAILURE"}, {"NOTIFY": "NEVER"}, {"NOTIFY": "DELAY"}, {}]
    assert message.recipients == [
        (f"bad{number}@x.test", {**words, "ORCPT": f"rfc822;first+2B{number}@x.test"})
        for number, words in enumerate(wanted)]
    assert server.violations == []


# Once, and never lost.


def test_a_bounce_that_is_there_already_is_not_made_again(account, smtpd):
    server = smtpd(REFUSED)
    relay(account, server)
    entry = queue_one(account, "bad@x.test", sender="jane")  # its bounce stays
    before = entry.path.read_bytes()
    flushed(account)
    bounce, = account.entries()
    entry.path.write_bytes(before)  # as a power cut between the two steps leaves it
    flushed(account)
    assert [each.id for each in account.entries()] == [bounce.id]
    assert account.entries()[0].path.read_bytes() == bounce.path.read_bytes()


def test_the_bounce_of_a_message_whose_sender_gets_it_by_another_way(account, smtpd):
    """The smarthost of the recipient fails; that of the sender does not."""
    dead, good = smtpd({"rcpt": "550 5.1.1 no"}), smtpd()
    relay(account, good, f"\n[smarthost other]\nhost = {dead.address}\nsecurity = none\nrecipients = *@x.test\n")
    queue_one(account, "bad@x.test")
    flushed(account)
    assert bounce_of(good).actions == [("bad@x.test", "failed", "5.1.1")] and dead.messages == []
