"""What every contender shares: its orders, the meter, and the work of one event, so that only the transport differs."""

import gc
import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from core import documents, state
from core.journey import Journey, Profiles, Settings
from core.moment import Moment
from core.outcomes import Accepted
from core.records import Source
from core.state import State
from streams.kafka.partitions import partitioner
from streams.rules_files import read_plan, read_rules
from streams.settings import StreamSettings
from streams.traffic_files import read_traffic

RULES = Path(__file__).parent / "rules"
FIRST_SEQ = 1 << 32
"""As of the first generation of a group: contenders and the scorer then count alike."""
_PAGE = resource.getpagesize()


@dataclass(frozen=True)
class Run:
    """The orders of one contender's run.

    Attributes:
        bootstrap: Address of the broker.
        name: Consumer group, and stem of the topics it writes.
        events: Records on the source topics.
        partitions: Partitions of every topic.
        incarnations: Incarnation of every topic.
        report: File that the figures are written to.
        scratch: Folder for state on disk.
    """

    bootstrap: str
    name: str
    events: int
    partitions: int
    incarnations: dict[str, str]
    report: str
    scratch: str

    @property
    def enriched(self) -> str:
        """Topic of the enriched events."""
        return f"{self.name}-enriched-event"

    @property
    def changes(self) -> str:
        """Topic of the score changes."""
        return f"{self.name}-score-change"

    @property
    def changelog(self) -> str:
        """Topic of the profiles, named as Faust does."""
        return f"{self.name}-profiles-changelog"

    def text(self) -> str:
        """Return the orders as an argument of the contender."""
        return json.dumps(asdict(self))


def orders() -> Run:
    """Return the orders of this process, which then has the collector settings of every contender."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    return Run(**json.loads(sys.argv[1]))


def cpu() -> float:
    """Return user + system seconds of this process, its threads and its ended children."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def rss() -> int:
    """Return resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


class Meter:
    """CPU and time from the first record fetched to the last commit.

    Args:
        run: Where to report.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self.begun = False
        self.figures: dict[str, Any] = {}

    def begin(self) -> None:
        """Note the first record; later calls change nothing."""
        if not self.begun:
            self.begun = True
            self._at = (time.time(), cpu())
            self.figures |= {"began_at": self._at[0], "rss_before": rss()}

    def mark(self) -> None:
        """Note a commit; the last one counts."""
        if self.begun:
            now, spent = time.time(), cpu()
            self.figures |= {"ended_at": now, "wall_s": now - self._at[0], "cpu_s": spent - self._at[1], "rss_after": rss()}

    def report(self) -> None:
        """Write the figures."""
        whole = Path(self._run.report).with_suffix(".part")
        whole.write_text(json.dumps(self.figures))
        whole.rename(self._run.report)


class Line(NamedTuple):
    """A record as the journey wants it."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


class Said(NamedTuple):
    """What one event leads to."""

    key: bytes
    enriched: bytes
    changes: list[bytes]


class NotAcceptedError(Exception):
    """An event of the job had another end than it should have."""


class Job:
    """The work of one event: the real contract, rules, folds and rows.

    Args:
        run: Orders of the contender.
    """

    def __init__(self, run: Run) -> None:
        rules, defaults = read_rules(RULES), StreamSettings()
        settings = Settings(
            defaults.event_max_bytes,
            defaults.hash_key.get_secret_value().encode(),
            read_plan(RULES),
            partitioner(run.partitions),
            traffic=read_traffic(RULES),
        )
        self.partition_of = settings.partition_of
        self._incarnations = run.incarnations
        self._journeys = {topic: Journey(topic, rules, settings) for topic in run.incarnations}

    def step(self, topic: str, partition: int, record: Line, profiles: Profiles) -> Said:
        """Fold one record into its profile and return what is to be sent.

        Raises:
            NotAcceptedError: The record was not accepted; every event of the job is valid.
        """
        now = time.time_ns() // 1000
        moment = Moment(now, now // 1_000_000, FIRST_SEQ)
        source = Source(topic, self._incarnations[topic], partition)
        outcome, at = self._journeys[topic].advance(source, record, profiles, moment)
        if not isinstance(outcome, Accepted):
            raise NotAcceptedError(f"{at.id}: {outcome}")
        enriched = documents.enriched(outcome, at, moment.batch)
        return Said(outcome.key.encode(), enriched, [documents.dumps(change) for change in outcome.changes])


class Held:
    """Profiles in a dict, and which of them have changed."""

    def __init__(self) -> None:
        self._profiles: dict[str, State] = {}
        self._changed: dict[str, State] = {}

    def get(self, key: str) -> State | None:
        """Return the profile of `key`."""
        return self._profiles.get(key)

    def put(self, key: str, profile: State) -> None:
        """Keep a changed profile."""
        self._profiles[key] = self._changed[key] = profile

    def take_changed(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and changelog value of what has changed since the last call."""
        changed, self._changed = self._changed, {}
        for key, profile in changed.items():
            yield key.encode(), state.encode(profile)
