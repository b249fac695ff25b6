"""What networks and clients do to good traffic before it reaches the broker."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime

from tests.reference.events import milliseconds, rfc3339

Message = tuple[str, bytes | None, bytes]
DAY = 24 * 60 * 60 * 1000
WEEK = 7 * DAY


def repeated(messages: list[Message], rng: random.Random, share: float) -> list[Message]:
    """Send a share of the messages again, soon after the first time."""
    places = [(number + rng.uniform(0, 50) * again, message) for number, message in enumerate(messages)
              for again in range(2 if rng.random() < share else 1)]  # fmt: skip
    return [message for _, message in sorted(places, key=lambda place: place[0])]


def with_broken_copies(messages: list[Message]) -> list[Message]:
    """Send a copy without its last byte after each message: half of what arrives is no event."""
    return [copy for topic, key, value in messages for copy in ((topic, key, value), (topic, key, value[:-1]))]


def shuffled(messages: list[Message], rng: random.Random) -> list[Message]:
    """Send them in any order."""
    return rng.sample(messages, len(messages))


def late(messages: list[Message], rng: random.Random, share: float) -> list[Message]:
    """Let a share be received a week after it happened, as by a phone that was offline."""

    def hold(event: dict) -> None:
        received = milliseconds(event["received_at"]) + WEEK
        event["received_at"] = rfc3339(received)
        if "sent_at" in event:
            event["sent_at"] = rfc3339(milliseconds(event["sent_at"]) + WEEK)

    return [_changed(message, hold) if rng.random() < share else message for message in messages]


def with_wrong_clocks(messages: list[Message], rng: random.Random) -> list[Message]:
    """Let every client's clock be a day ahead or behind, or in 1970 or 2099; half of them say when they sent."""

    def distort(event: dict) -> None:
        happened, received = milliseconds(event["occurred_at"]), milliseconds(event["received_at"])
        year = rng.choice((None, None, 1970, 2099))
        shift = rng.choice((-DAY, DAY)) if year is None else _start(year) - happened
        event["occurred_at"] = rfc3339(happened + shift)
        event.pop("sent_at", None)
        if rng.random() < 0.5:
            event["sent_at"] = rfc3339(received + shift)

    return [_changed(message, distort) for message in messages]


def _start(year: int) -> int:
    return int(datetime(year, 1, 2, tzinfo=UTC).timestamp()) * 1000


def _changed(message: Message, change: Callable[[dict], None]) -> Message:
    """Change an event; what has not both times stays as it is."""
    topic, key, value = message
    try:
        event = json.loads(value)
        milliseconds(event["occurred_at"])
        milliseconds(event["received_at"])
    except Exception:  # whatever is wrong with it, it was meant to be
        return message
    change(event)
    return topic, key, json.dumps(event, ensure_ascii=False).encode()
