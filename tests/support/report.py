"""Reads a multipart/report of RFC 6522 with Python's email package, strictly."""

import email
import email.policy
from dataclasses import dataclass

POLICY = email.policy.default.clone(raise_on_defect=True)


@dataclass
class Report:
    """message: the whole; fields: those of the message; recipients: a dict of fields each; text: for people;
    original: what came back, bytes; whole: all of it, not only its header."""
    message: object
    fields: dict
    recipients: list
    text: str
    original: bytes
    whole: bool

    @property
    def actions(self):
        return [(each["Final-Recipient"].partition("; ")[2], each["Action"], each["Status"])
                for each in self.recipients]


def parse(data):
    """The Report in a message's bytes; AssertionError says what is wrong with it."""
    message = email.message_from_bytes(data, policy=POLICY)
    assert message.get_content_type() == "multipart/report", message["Content-Type"]
    kind = message.get_param("report-type")
    assert kind in ("delivery-status", "global-delivery-status")
    assert message["Auto-Submitted"] == "auto-replied" and message["From"].addresses[0].username == "MAILER-DAEMON"
    assert message["Date"].datetime and message["Message-ID"] and message["Subject"] and len(message["To"].addresses) == 1
    text, status, original = message.iter_parts()
    assert text.get_content_type() == "text/plain" and status.get_content_type() == f"message/{kind}"
    kind = original.get_content_type()
    assert kind in ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"), kind
    fields, *recipients = blocks(status)
    assert fields["Reporting-MTA"].startswith("dns; ") and fields["Arrival-Date"] and recipients
    for each in recipients:
        assert {"Final-Recipient", "Action", "Status", "Last-Attempt-Date"} <= set(each), each
        assert each["Final-Recipient"].startswith(("rfc822; ", "utf-8; "))
    whole = kind in ("message/rfc822", "message/global")
    return Report(message, fields, recipients, text.get_content(), content(original), whole)


def content(part):
    """The bytes of a part, whatever email makes of its type."""
    if part.is_multipart():
        return part.get_payload(0).as_bytes()
    return part.get_payload(decode=True)


def blocks(status):
    """The groups of fields of a delivery status (RFC 3464 section 2.1), each a dict of unfolded values."""
    if status.get_content_type() == "message/delivery-status":
        parsed = status.get_payload()
    else:  # email does not know the type of RFC 6533
        texts = content(status).decode().replace("\r\n", "\n").strip().split("\n\n")
        parsed = [email.message_from_string(text + "\n\n", policy=POLICY) for text in texts]
    return [{name: " ".join(str(value).split()) for name, value in block.items()} for block in parsed]
