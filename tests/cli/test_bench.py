"""What `make bench` measures, where it is no matter of time: round trips, and that the floor relay relays."""

import os
import subprocess

import pytest
from support.sink import Sink, beside

MESSAGE = b"Subject: hi\n\nhello\n.\n..two\n"


def queue(account, count):
    for _ in range(count):
        done = account.sendmail("-odq", "bob@example.org", input=MESSAGE)
        assert done.returncode == 0, done


def relay(account, sink, **more):
    account.relay_through(sink.port, host=f"127.0.0.1:{sink.port}", security="none", **more)
    done = account.flush()
    assert done.returncode == 0, done
    taken = sink.wait(10)
    assert account.entries() == []
    return taken


@pytest.mark.release
@pytest.mark.parametrize("delay", (0, 5))
def test_the_next_message_rides_with_the_final_dot(account, programs, delay):
    queue(account, 100)
    with Sink(beside(programs, "sink"), 100, delay) as sink:
        taken = relay(account, sink, connections=1, messages_per_connection=1000)
    assert (taken.messages, taken.sessions) == (100, 1)
    assert taken.flights <= 120, taken  # 101 when every message's commands ride with the one before


def test_a_message_alone_takes_two_round_trips(account, programs):
    queue(account, 5)
    with Sink(beside(programs, "sink"), 5) as sink:
        taken = relay(account, sink, messages_per_connection=1)
    assert (taken.sessions, taken.flights) == (5, 10)


def test_the_floor_relays_the_same_messages(account, programs):
    queue(account, 20)
    with Sink(beside(programs, "sink"), 20) as sink:
        folder = account.spool / "queue"
        subprocess.run([beside(programs, "floor_relay"), str(sink.port), "4", folder], check=True, timeout=20)
        taken = sink.wait(10)
    assert (taken.messages, taken.sessions) == (20, 4)
    assert os.listdir(folder) == []


def test_sessions_share_the_queue(account, programs):
    queue(account, 40)
    with Sink(beside(programs, "sink"), 40, delay=5) as sink:
        taken = relay(account, sink, connections=4)
    assert (taken.messages, taken.sessions) == (40, 4)
