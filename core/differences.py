"""What differs between two versions of the rules."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from core.rules import RuleSet

Change = Literal["added", "removed", "changed"]


class Difference(NamedTuple):
    """A rule, score, group, window or segment that was added, removed or changed; `fields` has old and new by path."""

    kind: str
    name: str
    change: Change
    fields: dict[str, tuple[Any, Any]]


def differences(old: RuleSet, new: RuleSet) -> list[Difference]:
    """Return all that differs: the frame first, then rules in the order of their ids."""
    found = [*_of_parts("version", {"": old.version}, {"": new.version}), *_of_parts("grade", _grade(old), _grade(new))]
    for kind in ("scores", "groups", "windows", "segments"):
        found += _of_parts(kind.removesuffix("s"), _plain(getattr(old, kind)), _plain(getattr(new, kind)))
    found += _of_parts("rule", *(_plain({rule.id: rule for rule in rules.rules}) for rules in (old, new)))
    return found


def _grade(rules: RuleSet) -> dict[str, Any]:
    return _plain({"": rules.grade}) if rules.grade else {}


def _plain(specs: Mapping[str, BaseModel]) -> dict[str, Any]:
    dumped = {name: spec.model_dump(mode="json", by_alias=True, exclude_defaults=True) for name, spec in specs.items()}
    return {name: {field: value for field, value in said.items() if field != "id"} for name, said in dumped.items()}


def _of_parts(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield Difference(kind, name, "added", _changed({}, new[name], ""))
        elif name not in new:
            yield Difference(kind, name, "removed", _changed(old[name], {}, ""))
        elif old[name] != new[name]:
            yield Difference(kind, name, "changed", _changed(old[name], new[name], ""))


def _changed(old: Any, new: Any, path: str) -> dict[str, tuple[Any, Any]]:
    """Return old and new of every value below `path` that differs; None where there is none."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return {path: (old, new)}
    found: dict[str, tuple[Any, Any]] = {}
    for name in [*old, *(name for name in new if name not in old)]:
        inner = f"{path}.{name}" if path else name
        if name not in old or name not in new:
            found[inner] = (old.get(name), new.get(name))
        elif old[name] != new[name]:
            found |= _changed(old[name], new[name], inner)
    return found
