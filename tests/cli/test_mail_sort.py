"""`mail` lists in another order, shows who answers whom, and looks for words in all messages."""

import base64

import pytest
from support.mail_reader import Reader

# pylint: disable=redefined-outer-name
HIDDEN = base64.b64encode("Die Rechnung über 12 €\n".encode()).decode()


def message(number, sender, date, subject, body="text\n", fields=""):
    return (f"From {sender} Mon Mar  4 10:{number:02}:00 2024\nFrom: {sender}\nTo: jadi\nDate: {date}\n"
            f"Subject: {subject}\nMessage-ID: <{number}@x>\n{fields}\n{body}\n")


BOX = (message(1, "carol@x", "Mon, 4 Mar 2024 10:00:00 +0000", "zoo")
       + message(2, "alice@x", "Mon, 4 Mar 2024 09:00:00 -0500", "Re: apple", "a long text " * 20 + "\n", "References: <4@x>\n")
       + message(3, "bob@x", "Mon, 4 Mar 2024 12:00:00 +0000", "Re: zoo", fields="In-Reply-To: <1@x>\n")
       + message(4, "dave@x", "Mon, 4 Mar 2024 08:00:00 +0000", "Apple", "ÄPFEL und Birnen\n")
       + message(5, "alice@x", "Mon, 4 Mar 2024 11:00:00 +0000", "Re: Re: zoo", HIDDEN + "\n",
                 "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n"
                 "References: <1@x> <3@x>\n"))


@pytest.fixture
def reader(tmp_path, programs):
    return Reader(tmp_path, programs, BOX)


def numbers(lines):
    """The order in which messages are listed."""
    return [int(line[2:5]) for line in lines]


@pytest.mark.parametrize("key, order", [
    ("date", [4, 1, 5, 3, 2]), ("-date", [2, 3, 5, 1, 4]), ("from", [2, 5, 3, 1, 4]), ("subject", [2, 4, 1, 3, 5]),
    ("size", [1, 4, 3, 5, 2]), ("-arrival", [5, 4, 3, 2, 1]), ("arrival", [1, 2, 3, 4, 5]), ("thread", [1, 3, 5, 4, 2])])
def test_messages_are_listed_by_a_key(reader, key, order):
    lines = reader.lines(f"sort {key}\nsort")
    assert numbers(lines[:-1]) == order
    assert lines[-1] == "Sorted by " + key


def test_numbers_stay_and_steps_follow_the_list(reader):
    said = reader.lines("sort date\n1\n=\nnext\n=\nunsort\nsort")
    assert [line for line in said if line.isdigit()] == ["1", "5"]
    assert said[-1] == "Sorted by arrival"


def test_headers_of_a_list_stand_as_they_are_sorted(reader):
    said = reader.lines("sort date\nfrom *\nfrom 1-4\n=\nunsort\nfrom *")
    assert numbers(said[5:10]) == [4, 1, 5, 3, 2] and numbers(said[10:14]) == [4, 1, 3, 2] and said[14] == "2"
    assert numbers(said[-5:]) == [1, 2, 3, 4, 5]


def test_status_goes_before_all_else(reader):
    assert numbers(reader.lines("flag 4\ntouch 1 5\nsort status"))[0] == 4


def test_answers_stand_below_what_they_answer(reader):
    assert [line[53:] for line in reader.lines("thread")] == ["zoo", "`-> Re: zoo", "  `-> Re: Re: zoo", "Apple", "`-> Re: apple"]
    assert [line[53:] for line in reader.lines("thread\nunthread")[5:]] == [
        "zoo", "Re: apple", "Re: zoo", "Apple", "Re: Re: zoo"]


def test_an_unknown_key_is_told(reader):
    line, = reader.lines("sort colour")
    assert line.startswith('"colour": sort by arrival, date')


def test_search_reads_fields_and_decoded_texts(reader):
    assert numbers(reader.lines("search rechnung ÜBER")) == [5]
    assert numbers(reader.lines("search äpfel")) == [4]
    assert numbers(reader.lines("search ALICE")) == [2, 5]
    assert numbers(reader.lines("search alice zoo")) == [5]
    assert reader.lines("search nothing-like-it") == ["No applicable messages"]
    assert numbers(reader.lines("delete 5\nsearch alice")) == [2]


def test_what_was_found_is_a_list(reader):
    said = reader.lines("search alice\ndelete :m\nfrom *")
    assert numbers(said) == [2, 5, 1, 3, 4]


def test_mail_that_came_later_stands_behind_a_sorted_list(reader):
    session = f"sort -date\n! cat more >>'{reader.box}'\ninc\nheaders"
    (reader.home / "more").write_text(message(6, "eve@x", "Mon, 4 Mar 2024 01:00:00 +0000", "late"))
    lines = [line for line in reader.lines(session) if line[5:6] == " " and "10:0" in line]
    assert numbers(lines)[-6:] == [2, 3, 5, 1, 4, 6]
