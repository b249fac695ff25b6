"""A warehouse of the demo's events with everything that is known of them from elsewhere."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.outcomes import Said
from core.rules import compile_rules
from sinks.migrate import migrate
from sinks.queries import arguments, read_queries
from sinks.reading import Reader
from sinks.settings import SinkSettings
from streams.rules_files import read_rule_set
from streams.settings import RULES_DIR
from tests.integration.test_embedded_clickhouse import running
from tests.reference.analyst import Analyst
from tests.reference.judge import Judge, load_rules
from tests.reference.persons import judged
from tests.support.warehouse import Scored, Sent, demo, encoded, load, scored

QUERIES = read_queries()


class House:
    """The warehouse, what was sent, and what the scorer and the reference made of it."""

    def __init__(self, settings: SinkSettings, reader: Reader, sent: list[Sent], scored: Scored, now: datetime) -> None:
        self.settings, self.reader, self.sent, self.scored, self.now = settings, reader, sent, scored, now
        self.analyst = Analyst(sent, now)
        self.judge = Judge(load_rules(RULES_DIR))
        judged(self.judge, encoded(sent))

    def ask(self, name: str, **said: Any) -> list[tuple]:
        given = arguments(QUERIES[name], {key: str(value) for key, value in said.items()}, self.now.date())
        answer = self.reader.ask(QUERIES[name].select, given)
        assert not answer.rows or list(answer.columns) == list(QUERIES[name].columns)
        return [tuple(aware(value) for value in row) for row in answer.rows]

    def scores(self, at: datetime) -> dict[str, float]:
        millis = at.timestamp() * 1000
        return {key: self.judge.profile(key)["scores"]["engagement"]["value_at"](millis) for key in self.judge.profiles}

    def survivor(self, key: str) -> str:
        """The key of the profile that a key leads to."""
        return key if key in self.states else self.survivor(self.scored.profiles[key].merged_into)

    @property
    def states(self) -> dict[str, Any]:
        """The profiles that went into no other one."""
        return {key: state for key, state in self.scored.profiles.items() if state.merged_into is None}

    def said(self, kind: str) -> list[dict]:
        """The messages, in the order in which they were said."""
        outcomes = [outcome for outcome, _, _ in self.scored.outcomes if isinstance(outcome, Said)]
        return [message for outcome in outcomes for message in getattr(outcome, kind)]


def aware(value: Any) -> Any:
    """The client tells instants without their zone, which is UTC."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@contextmanager
def built(folder: Path) -> Iterator[House]:
    """Give a house whose tables stand in a folder."""
    now = datetime.now(UTC)
    sent = demo(now.timestamp())
    made = scored(sent, compile_rules(read_rule_set(RULES_DIR)))
    with running(folder) as server:
        settings = SinkSettings(clickhouse_url=f"http://127.0.0.1:{server.port}")
        migrate(settings, wait=False)
        asyncio.run(load(settings, made, int(time.time())))
        with Reader(settings) as reader:
            yield House(settings, reader, sent, made, now)
