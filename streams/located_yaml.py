"""YAML with the line of everything that stands in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

_MOST_PLACES: Final = 100_000
Place = tuple[str | int, ...]
"""Names and numbers that lead from the whole of a file to a part of it."""


class Located(NamedTuple):
    """What a file says, the line of each part counted from 1, and the places of names that stand twice in a mapping."""

    value: Any
    lines: dict[Place, int]
    repeated: list[Place]

    def line(self, place: Place) -> int:
        """Return the line of the part at `place`, or of the nearest part around it that is there."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


class UnreadableError(Exception):
    """The file is no YAML; `line` is None where that is not known."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line


def read_located(path: Path) -> Located:
    """Return what the YAML of `path` says.

    Raises:
        UnreadableError: The file can not be read, or is no YAML.
    """
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        lines, repeated = _lines(node)  # before the value is made: that joins what `<<` refers to with the rest
        value = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise UnreadableError(line, str(error.problem)) from None
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: no UTF-8, or a date that is none
        raise UnreadableError(None, " ".join(str(error).split())) from None
    except RecursionError:
        raise UnreadableError(None, "contains itself, or nests deeper than anybody can read") from None
    return Located(value, lines, repeated)


def _lines(node: yaml.Node | None) -> tuple[dict[Place, int], list[Place]]:
    lines: dict[Place, int] = {}
    repeated: list[Place] = []
    for place, line in _places(node, ()):
        if place in lines:
            repeated.append(place)
        lines[place] = line
        if len(lines) > _MOST_PLACES:
            raise UnreadableError(line, f"says more than {_MOST_PLACES:,} things, what `*` repeats included; split the file")
    return lines, repeated


def _places(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _places(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            inner = (*place, number)
            yield inner, value.start_mark.line + 1
            yield from _places(value, inner)
