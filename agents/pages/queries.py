"""What the library of queries says of itself: for a terminal, and as docs/queries.md."""

from collections.abc import Iterable
from typing import Final

from sinks.queries import Parameter, Query, call_of

_MEASURED: Final = "10 million rows of 100,000 customers, 2 cores"
_HEAD: Final = f"""# The query library

Written by `python -m tests.contract.regenerate` from the heads of `sinks/queries/*.sql`. Each query is a view of the same
name, and `warmth query NAME`; how to use them is in [analysts.md](analysts.md). Cost: the best of three, on {_MEASURED},
and the most memory that the server took; `python -m bench.warehouse` measures it. Each is compared with
pandas on the demo's events.
"""


def manual(query: Query) -> str:
    """Return what a query takes and answers, and its SQL."""
    lines = [query.purpose, "", f"For {', '.join(query.departments)}. Cost: {query.cost} on {_MEASURED}."]
    if query.parameters:
        lines += [
            "",
            "Parameters:",
            *(f"  {one.name} ({one.type}; {_unless_said(one)}): {one.meaning}" for one in query.parameters),
        ]
    lines += ["", "Columns:", *(f"  {column}: {meaning}" for column, meaning in query.columns.items())]
    lines += ["", f"Example: {_example(query)}", f"In SQL:  SELECT * FROM {call_of(query)}", "", query.select]  # noqa: S608
    return "\n".join(lines)


def markdown(queries: Iterable[Query]) -> str:
    """Return the page of all queries."""
    known = list(queries)
    rows = [f"| [{query.name}](#{query.name}) | {query.purpose} | {query.cost} |" for query in known]
    lines = [_HEAD, "| query | what for | cost |", "|---|---|---|", *rows]
    for query in known:
        lines += ["", f"## {query.name}", "", f"{query.purpose} For {', '.join(query.departments)}."]
        lines += ["", "```", _example(query), f"SELECT * FROM {call_of(query)}", "```"]  # noqa: S608  # a text for people
        if query.parameters:
            lines += ["", "| parameter | type | unless said | |", "|---|---|---|---|"]
            lines += [f"| `{one.name}` | {one.type} | {one.default or '-'} | {one.meaning} |" for one in query.parameters]
        lines += ["", "| column | |", "|---|---|", *(f"| `{name}` | {meaning} |" for name, meaning in query.columns.items())]
    return "\n".join(lines) + "\n"


def _unless_said(parameter: Parameter) -> str:
    return "must be said" if parameter.default is None else f"{parameter.default} unless said"


def _example(query: Query) -> str:
    said = [one for one in query.parameters if one.default is None] or list(query.parameters[:1])
    given = [f" --param {one.name}={one.default or '…'}" for one in said]
    return f"warmth query {query.name}{''.join(given)}"
