"""Conditions of rules: what a field must be, compiled once into functions of an event's fields."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Final

import re2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Fields = Mapping[str, Any]
Condition = Callable[[Fields], bool]
ValueTest = Callable[[Any], bool]
_NESTED: Final = (list, dict)
_KNOWN_TEXTS: Final = 1024
"""Texts that a pattern remembers: a search costs 5 µs, and paths and names repeat."""
_QUIET: Final = re2.Options()
_QUIET.log_errors = False


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether `pattern` is found in a text, in time linear in the text.

    Raises:
        ValueError: RE2 does not take the pattern, such as one that looks around or back.
    """
    try:
        search = re2.compile(pattern, _QUIET).search
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"is no pattern that RE2 takes ({reason}); look-around and back-references are refused") from None
    return lambda text: search(text) is not None


def compile_patterns(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells whether any of `patterns` is found in a text, all of them looked for at once; none finds nothing."""
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return compile_pattern(joined) if joined else _finds_nothing


def _finds_nothing(_: str) -> bool:
    return False


def _pattern(text: str) -> str:
    compile_pattern(text)
    return text


class Spec(BaseModel):
    """Base of all that rule files say: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Test(Spec):
    """What a field must be; all that is named must hold."""

    equals: str | float | bool | None = None
    one_of: list[str | float] | None = None
    prefix: str | list[str] | None = None
    matches: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_pattern)] | None = None
    at_least: float | None = None
    below: float | None = None
    present: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Test":
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("an empty condition holds always; leave the field out")
        return self


def spelt_out(value: object) -> object:
    """Return the long form of a condition: `{equals: value}`, `{one_of: [...]}`; other objects as they are."""
    if isinstance(value, list):
        return {"one_of": value}
    return value if isinstance(value, (dict, Test)) else {"equals": value}


def compile_conditions(when: Mapping[str, Test]) -> Condition:
    """Return what tells whether all of `when` hold."""
    conditions = [_condition(tuple(path.split(".")), test) for path, test in when.items()]
    if not conditions:
        return lambda _: True
    if len(conditions) == 1:
        return conditions[0]
    return lambda event: all(condition(event) for condition in conditions)


def compile_test(test: Test) -> ValueTest:
    """Return what tells whether a value, None where there is none, meets all of `test`."""
    tests = list(_tests(test))
    return tests[0] if len(tests) == 1 else lambda value: all(meets(value) for meets in tests)


def _condition(path: tuple[str, ...], test: Test) -> Condition:
    look, meets = _look(path), compile_test(test)
    return lambda event: meets(look(event))


def _tests(test: Test) -> Iterator[ValueTest]:
    if test.present is not None:
        present = test.present
        yield lambda value: (value is not None) is present
    if test.equals is not None:
        equals = test.equals
        yield lambda value: value == equals
    if test.one_of is not None:
        allowed = frozenset(test.one_of)
        yield lambda value: value in allowed
    if test.prefix is not None:
        prefixes = (test.prefix,) if isinstance(test.prefix, str) else tuple(test.prefix)
        yield lambda value: value is not None and str(value).startswith(prefixes)
    if test.matches is not None:
        found = lru_cache(_KNOWN_TEXTS)(compile_pattern(test.matches))
        yield lambda value: value is not None and found(str(value))
    if test.at_least is not None or test.below is not None:
        low = float("-inf") if test.at_least is None else test.at_least
        high = float("inf") if test.below is None else test.below
        yield lambda value: (size := _number(value)) is not None and low <= size < high


def _look(path: tuple[str, ...]) -> Callable[[Fields], Any]:
    """Return what finds the plain value at `path`; None where there is none."""
    *parents, name = path

    def look(event: Fields) -> Any:
        place: Any = event
        for parent in parents:
            place = place.get(parent)
            if type(place) is not dict:
                return None
        value = place.get(name)
        return None if type(value) in _NESTED else value

    return look


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # money may be a string; anything else is no number
    except (TypeError, ValueError):
        return None
