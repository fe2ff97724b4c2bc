"""A mailbox for measuring: the same bytes for the same count."""

import random

WORDS = ("report disk backup failed cron update kernel usage volume alert login session daily weekly summary error "
         "warning server network package security notice").split()
NEEDLE = "zeppelin"  # stands in one subject of a thousand


def make_mailbox(path, count, size=4480):
    """`count` messages of about `size` bytes each."""
    random.seed(20261128)
    blocks = ["".join(" ".join(random.choices(WORDS, k=10)) + "\n" for _ in range(size // 72)) for _ in range(64)]
    with open(path, "w", encoding="ascii") as box:
        for number in range(1, count + 1):
            subject = " ".join(random.choices(WORDS, k=5)) + (f" {NEEDLE}" if number % 1000 == 0 else "")
            day, minute = number % 28 + 1, number % 60
            box.write(f"From user{number % 500}@host{number % 90}.example Mon Mar {day:2} 10:{minute:02}:00 2025\n"
                      f"Return-Path: <user{number % 500}@host{number % 90}.example>\n"
                      f"Received: from host{number % 90}.example by box.example with ESMTP id {number:08};\n"
                      f"\tMon, {day} Mar 2025 10:{minute:02}:00 +0000\n"
                      f"From: User {number % 500} <user{number % 500}@host{number % 90}.example>\n"
                      f"To: jane@box.example\nSubject: {subject}\nMessage-ID: <{number}@host{number % 90}.example>\n"
                      f"Date: Mon, {day} Mar 2025 10:{minute:02}:00 +0000\nMIME-Version: 1.0\n"
                      f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
                      f"{blocks[number % 64]}\n")
    return path
