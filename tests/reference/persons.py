"""Who is one person with whom, from everything that was said of it, in no order; docs/identity.md without its limits."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from tests.reference.events import Event
from tests.reference.generator import Record
from tests.reference.judge import Judge


class Persons:
    """The names of every person: whoever was named together, or merged and not parted later, is one."""

    def __init__(self, events: Iterable[Event]):
        self.seen: set[str] = set()
        self._neighbours: dict[str, set[str]] = defaultdict(set)
        merged: dict[frozenset[str], list[tuple[int, str]]] = defaultdict(list)
        for event in events:
            self.seen.add(event.key)
            for name in (event.key, *event.claims):
                self._link(event.key, name)
            if event.type in ("customers_merged", "customers_unmerged"):
                merged[frozenset((event.key, event.fields["merged_id"]))].append((event.at, event.type))
        for pair, words in merged.items():
            if max(words)[1] == "customers_merged":
                self._link(*pair)
        self._names: dict[str, frozenset[str]] = {}

    def _link(self, one: str, other: str) -> None:
        self._neighbours[one].add(other)
        self._neighbours[other].add(one)

    def names(self, name: str) -> frozenset[str]:
        """All names of the person who has this one."""
        if name not in self._names:
            found, waiting = set[str](), [name]
            while waiting:
                one = waiting.pop()
                if one not in found:
                    found.add(one)
                    waiting += self._neighbours[one]
            self._names |= dict.fromkeys(found, frozenset(found))
        return self._names[name]

    def survivor(self, name: str) -> str:
        """The name under which a person goes on: a customer before a visitor before another identifier, then the first."""
        return min(self.names(name), key=lambda one: (one.startswith("card:"), one.startswith("a:"), one))


def judged(judge: Judge, records: Iterable[Record]) -> Persons:
    """Let `judge` take up what everybody did as if they had never had another name; return who they are."""
    events = []
    for number, (topic, _, value, received) in enumerate(records):
        event = judge.admit(topic, value, received, f"{topic}:{number}")
        if event is not None:
            events.append(event)
    persons = Persons(events)
    for event in events:
        judge.take(replace(event, key=persons.survivor(event.key)))
    return persons
