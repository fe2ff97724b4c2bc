"""Random messages, and what a reader makes of them: an independent look at what recoding must keep."""

import base64
import email
import quopri
import re

TEXTS = [b"hello\n", b"Gr\xc3\xbc\xc3\x9fe\n", b"a" * 1100 + b"\n", b"\xc3\xa9" * 700 + b"\n", b"latin \xe9\xff\n", b".\n", b"..x\n",
         b"From me\n", b"--\n", b"--not a boundary\n", b"-- \n", b"trailing blanks \t \n", b"=3D =\n", b"\n", b"\n\n", b"last",
         b"." + b"x" * 997 + b"\n", b"x" * 997 + b"\xfc\n", b"x" * 995 + b"\xe2\n", b"x" * 996 + b"\xc3\xbc\n",
         b"soft " + b"x" * 70 + b"--B1\n", b"y" * 75 + b"--B1\n", b"z" * 1000 + b"--B1--\n"]
STRANGE = [b"NUL \0 here\n", b"CR\rin a line\n", bytes(range(1, 10)) * 20 + b"\n", bytes(range(14, 256)) + b"\n"]
NAMES = [b"plain.txt", "\u00fcn\u00ef \u20ac.txt".encode(), b"a;b.txt", b"x" * 200, "\u00e9".encode() * 90]
BOUNDARIES = [b"B1", b"B", b"B1x", b"=_a/b:c?d", b"a b'c(d)", b"z" * 70, b"-", b"--", b"B1--"]
SUBJECTS = [b"plain", "Gr\u00fc\u00dfe aus M\u00fcnchen".encode(), b"=?utf-8?q?=C3=BC?= and \xc3\xa4", b"word " * 300,
            ("\u00e4\u00f6 " * 400).encode(), b"latin \xe9", b"x" * 70 + b"\n\tfolded \xc3\xa9 again\n more"]
FROMS = [b"root@lan.example (Cron Daemon)", "J\u00f6rg M\u00fcller <j@x.test>".encode(), '"M\u00fcller, J\u00f6rg" <j@x.test>'.encode(),
         "j@x.test (J\u00f6rg (\u00e4) \u00fc)".encode(), "Gr\u00fcppe: a@x.test, \u00dc <b@x.test>;".encode(),
         b"=?utf-8?q?J=C3=B6rg?= \xc3\xbc <j@x.test>", b"a b <a@x.test>,\n\tc d <c@x.test>", b"Latin \xe9 <l@x.test>",
         ", ".join(f"Person {n} <p{n}@x.test>" for n in range(60)).encode()]


def text(rng, strange=True):
    pool = TEXTS + (STRANGE if strange else [])
    return b"".join(rng.choices(pool, k=rng.randrange(5)))


def leaf(rng):
    kind = rng.choice([b"", b"Content-Type: text/plain; charset=utf-8\n", b"Content-Type: TEXT/HTML;\n\tcharset=\"utf-8\"\n",
                       b"Content-Type: application/octet-stream\n", b"Content-Type: text/x-log\n"])
    if rng.random() < 0.3:
        kind += b"Content-Disposition: attachment;\n filename=\"" + rng.choice(NAMES) + b"\"\n"
    encoding, body = rng.choice([b"", b"7bit", b"8bit", b"binary", b"utf-8", b"base64", b"quoted-printable"]), text(rng)
    if encoding == b"base64":
        body = rng.choice([base64.encodebytes, base64.b64encode])(body * 20)
    if encoding == b"quoted-printable":
        body = quopri.encodestring(body).replace(rng.choice([b"=\n", b"nothing"]), b"")
        body = body.replace(b"hello", rng.choice([b"hello", b"a=\xc3\xbc", b"b=\x01c"]))
    if encoding:
        kind += b"Content-Transfer-Encoding: " + encoding + b"\n"
    return kind, body


def quoted(rng, boundary):
    if re.fullmatch(rb"[A-Za-z0-9]+", boundary) and rng.random() < 0.5:
        return boundary
    return b'"' + boundary + b'"'


def multipart(rng, depth):
    boundary = rng.choice(BOUNDARIES)
    header = b"Content-Type: multipart/" + rng.choice([b"mixed", b"alternative", b"digest"])
    header += rng.choice([b"; boundary=", b";\n\tx=\"boundary=no; \";\n  BOUNDARY=", b"; charset=x;boundary="]) + quoted(rng, boundary)
    header += b"\n" + rng.choice([b"", b"Content-Transfer-Encoding: 8bit\n", b"Content-Transfer-Encoding: binary\n"])
    body = rng.choice([b"", b"preamble\n", b"pr\xc3\xa9amble\0\n" + b"x" * 1500 + b"\n"])
    count = rng.randrange(4)
    for _ in range(count):
        body += b"--" + boundary + rng.choice([b"", b" ", b"\t "]) + b"\n"
        child = entity(rng, depth + 1)
        if b"digest" in header and not child.startswith(b"Content-Type"):  # it is a message, and one may not be encoded
            child = b"\n" + message_header(rng) + child
        if b"digest" not in header and rng.random() < 0.1:
            child = b"Content-Type: text/plain\nX-Only: a header"  # and no empty line
        body += child + b"\n"
    if count and rng.random() < 0.8:  # Python shows a preamble behind which only the end comes as the body
        body += b"--" + boundary + b"--" + rng.choice([b"", b"\n", b"\nepilogue\n", b" \n\xe9pilogue\n--" + boundary + b"\nno part\n"])
    return header, body


def entity(rng, depth):
    """A header, an empty line and a body."""
    chance = rng.random()
    if depth < 5 and chance < 0.35:
        header, body = multipart(rng, depth)
    elif depth < 5 and chance < 0.5:
        header, body = b"Content-Type: message/rfc822\n", message_header(rng) + entity(rng, depth + 1)
    else:
        header, body = leaf(rng)
    return header + b"\n" + body


def message_header(rng):
    fields = [b"From: " + rng.choice(FROMS), b"Subject: " + rng.choice(SUBJECTS), b"Message-ID: <1@x.test>",
              b"X-Long: " + b"v" * rng.choice([10, 1200])]
    if rng.random() < 0.7:
        fields.append(b"MIME-Version: 1.0")
    rng.shuffle(fields)
    return b"\n".join(fields) + b"\n"


def message(rng):
    return message_header(rng) + entity(rng, 0)


# What a reader makes of it.


WORD = re.compile(r"=\?([\w-]+)\?([qQbB])\?([^?\s]*)\?=")


def lenient(data):
    """UTF-8, other bytes as characters of their own."""
    return re.sub("[\udc80-\udcff]", lambda found: chr(0xE000 + ord(found[0]) - 0xDC00),
                  data.decode("utf-8", "surrogateescape"))


def decoded_word(match):
    charset, kind, coded = match.groups()
    data = base64.b64decode(coded) if kind in "bB" else quopri.decodestring(coded.replace("_", "=20"))
    assert charset.lower() in ("utf-8", "unknown-8bit")
    return lenient(data)


def decoded(value):
    """A header field's text: unfolded, RFC 2047 undone, blanks as one, hard breaks of long words closed."""
    value = re.sub(r"\s+", " ", value.replace("\0", " "))
    while (closed := re.sub(r"(=\?[\w-]+\?[qQbB]\?[^?\s]*\?=)\s+(?==\?[\w-]+\?[qQbB]\?[^?\s]*\?=)", r"\1", value)) != value:
        value = closed
    return re.sub(r"\s+", " ", WORD.sub(decoded_word, value)).strip()


def mailboxes(value):
    """Quotes are a matter of writing; so is the blank at a comment."""
    return decoded(value).replace('"', "").replace("\\", "").replace(" ", "")


def body(part):
    """Of a multipart without parts Python takes the delimiter's line end for a part of its text."""
    payload = part.get_payload(decode=True)
    payload = payload.replace(b"\r\n", b"\n") if payload is not None else b""
    return payload.rstrip(b"\n") if part.get_content_maintype() == "multipart" else payload


def reading(data):
    """[(depth, type, file name, body, fields)] of every part, depth first."""
    found = []
    # Bodies from the bytes; header fields from text, in which Python keeps 8-bit characters.
    trees = [(0, email.message_from_bytes(data), email.message_from_string(lenient(data)))]
    while trees:
        depth, part, words = trees.pop(0)
        fields = sorted((name.lower(), (mailboxes if name.lower() == "from" else decoded)(value))
                        for name, value in words.items()
                        if not name.lower().startswith(("content-", "mime-version", "received", "x-long")))
        long = sorted(re.sub(r"\s", "", value) for name, value in words.items() if name.lower() == "x-long")
        found.append((depth, part.get_content_type(), words.get_filename(), None if part.is_multipart() else body(part),
                      fields, long))
        if part.is_multipart():
            children = zip(part.get_payload(), words.get_payload())
            trees = [(depth + 1, child, other) for child, other in children] + trees
    # Where no final delimiter comes Python takes the message's last line end from the last part, encoded or not.
    depth, kind, name, last, *rest = found[-1]
    return found[:-1] + [(depth, kind, name, last and last.rstrip(b"\n"), *rest)]
