"""Whether a condition can hold at all, by what the contract of its event says of the field."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from core.conditions import Test, compile_test
from core.names import nearest
from core.rules import TRAITS
from schemas.paths import Paths, Readable, event_paths, trait_paths

_WORDS = {"text": "a text: put the value in quotes", "number": "a number", "flag": "true or false"}
_PROPERTIES = "properties."


class Trouble(NamedTuple):
    """A condition that can never hold: its path within the rule's `when`, and why."""

    path: tuple[str, ...]
    message: str


def troubles(event: str, when: Mapping[str, Test], properties: frozenset[str]) -> list[Trouble]:
    """Return why conditions can not hold for an event type; of its variants, the one that comes nearest counts.

    Args:
        event: Type of the event, or `traits`.
        when: Conditions by path.
        properties: Custom properties that the tracking plan declares.
    """
    variants = (trait_paths(),) if event == TRAITS else event_paths(event)
    declared = frozenset(_PROPERTIES + name for name in properties) if event == "custom_tracked" else frozenset[str]()
    found = ([*_of_variant(event, when, paths, declared)] for paths in variants)
    return min(found, key=len)


def _of_variant(event: str, when: Mapping[str, Test], paths: Paths, declared: frozenset[str]) -> Iterator[Trouble]:
    owner = "a customer" if event == TRAITS else event
    for path, test in when.items():
        readable = paths.get(path)
        if readable is not None:
            yield from (Trouble((path, *where), message) for where, message in _impossible(test, readable))
        elif path not in declared:
            hint = nearest(path, [*paths, *declared]) or "; rules read plain fields of the contract by their path"
            if path.startswith(_PROPERTIES):
                hint = "; declare the property in tracking_plan.yaml"
            yield Trouble((path,), f"{owner} has no field {path!r} that rules can read{hint}")


def _impossible(test: Test, readable: Readable) -> Iterator[tuple[tuple[str, ...], str]]:
    if readable.kind == "nested":
        yield (), "holds several values; a condition reads single ones"
        return
    wrong = list(_wrong_kinds(test, readable))
    yield from wrong
    if not wrong:
        yield from _empty(test, readable)


def _wrong_kinds(test: Test, readable: Readable) -> Iterator[tuple[tuple[str, ...], str]]:
    for name in ("at_least", "below"):
        if getattr(test, name) is not None and readable.kind != "number":
            yield (name,), "is no number; compare it with `equals`, `one_of`, `prefix` or `matches`"
    for name, value in _wanted(test):
        if _kind(value) != readable.kind:
            yield (name,), f"{value!r} never occurs: the field is {_WORDS[readable.kind]}"
        elif readable.values is not None and value not in readable.values:
            yield (name,), f"{value!r} never occurs; the field is one of {', '.join(map(str, readable.values))}"


def _empty(test: Test, readable: Readable) -> Iterator[tuple[tuple[str, ...], str]]:
    low = readable.low if test.at_least is None else max(test.at_least, readable.low)
    if test.at_least is not None and test.below is not None and test.at_least >= test.below:
        yield (), f"no number is at least {test.at_least:g} and below {test.below:g}"
    elif low > readable.high or (test.below is not None and low >= test.below):
        yield (), f"never holds: the field is between {readable.low:g} and {readable.high:g}"
    elif test.present is False and test.model_dump(exclude_none=True).keys() != {"present"}:
        yield (), "a field that is absent meets no other test; leave `present: false` or the others out"
    elif test.present is False and readable.required:
        yield ("present",), "never holds: the contract requires the field"
    elif test.present is not False:
        candidates: tuple[Any, ...] | None = tuple(value for _, value in _wanted(test)) or readable.values
        if candidates and not any(map(compile_test(test), candidates)):
            yield (), f"no value meets all of it; tried {', '.join(map(str, candidates))}"


def _wanted(test: Test) -> Iterator[tuple[str, Any]]:
    if test.equals is not None:
        yield "equals", test.equals
    for value in test.one_of or ():
        yield "one_of", value


def _kind(value: object) -> str:
    return "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
