"""The library of segmentation queries: one documented SQL file each, and a view of the same name in ClickHouse."""

import re
from ast import literal_eval
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from sinks.statements import without_comments

TODAY: Final = "today"
FOLDER: Final = Path(__file__).parent
_PARAMETER: Final = re.compile(r"^-- Parameter (\w+) (.+?)(?: = (.*?))?: (.+)$")
_COLUMN: Final = re.compile(r"^-- Column (\w+): (.+)$")
_COST: Final = re.compile(r"^-- Cost: ([\d.]+ s, \d+ MiB)$")
_FOR: Final = re.compile(r"^-- For: (.+)$")
DEPARTMENTS: Final = ("marketing", "sales", "service")


class Parameter(NamedTuple):
    """A parameter: its type in ClickHouse, what it is where nobody says, and what it means.

    `default` is None where it must be said; `today` stands for the present day, UTC.
    """

    name: str
    type: str
    default: str | None
    meaning: str


class Query(NamedTuple):
    """A query, and what the comments at its head say of it.

    `cost` is what it took on 10 million rows of 100,000 customers, on 2 cores; `python -m bench.warehouse` measures it.
    """

    name: str
    purpose: str
    departments: tuple[str, ...]
    cost: str
    parameters: tuple[Parameter, ...]
    columns: dict[str, str]
    select: str


def read_queries(folder: Path = FOLDER) -> dict[str, Query]:
    """Return all queries by name.

    Raises:
        ValueError: The head of a file says something that is not understood.
    """
    return {path.stem: _read(path) for path in sorted(folder.glob("*.sql"))}


def _read(path: Path) -> Query:
    text = path.read_text(encoding="utf-8")
    purpose, *head = [line for line in text.splitlines() if line.startswith("--")]
    departments: tuple[str, ...] = ()
    cost = ""
    parameters, columns = [], {}
    for line in head:
        if found := _PARAMETER.match(line):
            parameters.append(Parameter(found[1], found[2], found[3], found[4]))
        elif found := _COLUMN.match(line):
            columns[found[1]] = found[2]
        elif found := _COST.match(line):
            cost = found[1]
        elif found := _FOR.match(line):
            departments = tuple(found[1].split(", "))
        else:
            raise ValueError(f"{path.name}: {line!r} is neither For, Cost, Parameter nor Column")
    if not cost:
        raise ValueError(f"{path.name}: `-- Cost: 0.12 s, 34 MiB` is missing; `python -m bench.warehouse` measures it")
    if not departments or set(departments) - set(DEPARTMENTS):
        raise ValueError(f"{path.name}: `-- For:` names some of {', '.join(DEPARTMENTS)}")
    purpose = purpose.removeprefix("-- ")
    return Query(path.stem, purpose, departments, cost, tuple(parameters), columns, without_comments(text).strip())


def arguments(query: Query, said: dict[str, str], today: date) -> dict[str, Any]:
    """Return what to send for each parameter: what was said, else its default.

    Raises:
        ValueError: Something was said that is no parameter or no list where one is due, or must be said and was not.
    """
    names = {parameter.name for parameter in query.parameters}
    for name in said.keys() - names:
        takes = f"it takes {', '.join(sorted(names))}" if names else "it takes none"
        raise ValueError(f"{query.name} has no parameter {name!r}; {takes}")
    found = {}
    for parameter in query.parameters:
        value = said.get(parameter.name, parameter.default)
        if value is None:
            raise ValueError(f"{query.name} needs {parameter.name}: {parameter.meaning}")
        found[parameter.name] = today.isoformat() if value == TODAY else _value(parameter, value)
    return found


def call_of(query: Query) -> str:
    """Return the view of a query as SQL reads from it, with the defaults of its parameters."""
    given = ", ".join(f"{one.name} = {_literal(one)}" for one in query.parameters)
    return f"{query.name}({given})" if given else query.name


def _literal(parameter: Parameter) -> str:
    if parameter.default == TODAY:
        return "today()"
    return f"'{parameter.default or '…'}'" if parameter.type == "String" else str(parameter.default)


def _value(parameter: Parameter, text: str) -> str | list[Any]:
    if not parameter.type.startswith("Array("):
        return text
    try:
        return [*literal_eval(text)] if text.startswith("[") else _refuse(parameter)
    except (SyntaxError, ValueError):
        return _refuse(parameter)


def _refuse(parameter: Parameter) -> NoReturn:
    raise ValueError(f"{parameter.name} is a list, such as ['a', 'b'] or [1, 2]") from None
