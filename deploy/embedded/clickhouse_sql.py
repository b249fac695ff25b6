"""What a statement sent over HTTP is: rows asked for, rows brought along, or anything else.

Only the outline is read (comments, quotes, brackets, words); the engine parses the statement.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from deploy.embedded.clickhouse_errors import RefusedError

_OUTLINE = re.compile(
    rb"""
      (?P<comment> --[^\n]* | \#[ !][^\n]* | /\*.*?\*/ )
    | (?P<quoted> '(?:[^'\\]+|\\.|'')*+' | "(?:[^"\\]+|\\.|"")*+" | `(?:[^`\\]+|\\.|``)*+`
                | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<word> [\w.]+ )
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<end> ; )
    | (?P<other> [^\s] )
    """,
    re.VERBOSE | re.DOTALL,
)
_GAP_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")
_SYNTAX_ERROR = 62
_NOT_IMPLEMENTED = 48


class Kind(Enum):
    """How the engine is asked to run a statement."""

    SELECT = auto()
    """Streams rows of any number."""
    LOAD = auto()
    """An INSERT whose rows follow it in a named format."""
    COMMAND = auto()
    """Anything else; what it answers is small."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement cut where its FORMAT clause was.

    Attributes:
        kind: How to run it.
        sql: The statement as sent for a COMMAND, else what stands before FORMAT.
        format: The format that the statement names, if it does.
        tail: Settings, or nothing: what stands after the format of a SELECT, or before that of a LOAD.
        rows_at: Where the rows of a LOAD begin in the text.
    """

    kind: Kind
    sql: bytes
    format: str | None = None
    tail: bytes = b""
    rows_at: int = 0


@dataclass(frozen=True, slots=True)
class _Token:
    name: str  # a word in upper case, "" for anything else
    start: int
    end: int


def _tokens(text: bytes) -> Iterator[_Token]:
    """Yield what stands outside comments and brackets; a bracket counts as one unnamed token."""
    depth = opened = 0
    for match in _OUTLINE.finditer(text):
        group = match.lastgroup
        if group == "comment":
            continue
        if group == "open":
            opened = match.start() if depth == 0 else opened
            depth += 1
        elif group == "close":
            depth -= 1
            if depth == 0:
                yield _Token("", opened, match.end())
        elif depth == 0:
            named = group in {"word", "end"}
            yield _Token(match.group().decode(errors="replace").upper() if named else "", match.start(), match.end())


def outline(text: bytes) -> Statement:
    """Return what `text` asks for.

    Args:
        text: The whole statement, or enough of its head to reach the rows of an INSERT.

    Raises:
        RefusedError: For an empty text, a second statement, or a file of the engine's machine.
    """
    tokens = _tokens(text)
    first = next(tokens, None)
    if first is None:
        raise RefusedError(_SYNTAX_ERROR, "Syntax error: empty query. (SYNTAX_ERROR)")
    if first.name == "INSERT":
        return _insert(text, tokens)
    return _query(text, first, list(tokens))


def _insert(text: bytes, tokens: Iterator[_Token]) -> Statement:
    """Return a LOAD if rows in a named format follow, else a COMMAND."""
    selects, settings_at, before = False, 0, b"INTO"
    for token in tokens:
        if token.name == "SETTINGS" and before.upper() not in {b"INTO", b"TABLE", b"."}:
            settings_at = token.start
        before = text[token.start : token.end]
        if token.name in {"VALUES", "INFILE"}:
            _refuse_file(token)
            return Statement(Kind.COMMAND, text)
        selects = selects or token.name in {"SELECT", "WITH"}
        if token.name == "FORMAT" and (named := next(tokens, None)) and named.name:
            if selects:
                raise RefusedError(
                    _NOT_IMPLEMENTED, "INSERT ... SELECT ... FORMAT: insert into a table, then select. (NOT_IMPLEMENTED)"
                )
            gap = _GAP_BEFORE_DATA.match(text, named.end)
            rows_at = gap.end() if gap else named.end
            end = settings_at or token.start
            form = text[named.start : named.end].decode()
            return Statement(Kind.LOAD, text[:end], form, text[end : token.start], rows_at)
    return Statement(Kind.COMMAND, text)


def _query(text: bytes, first: _Token, rest: list[_Token]) -> Statement:
    """Return the statement without its FORMAT clause and without a closing semicolon."""
    tokens = [first, *rest]
    while tokens[-1].name == ";" and len(tokens) > 1:
        tokens.pop()
    names = [token.name for token in tokens]
    if ";" in names:
        raise RefusedError(_SYNTAX_ERROR, "Syntax error: Multi-statements are not allowed. (SYNTAX_ERROR)")
    for token in tokens:
        _refuse_file(token)
    end = tokens[-1].end
    at = _format_clause(names)
    form = text[tokens[at + 1].start : tokens[at + 1].end].decode(errors="replace") if at else None
    if not _streams(text[first.start : first.start + 1], names):
        return Statement(Kind.COMMAND, text[:end], form)
    if not at:
        return Statement(Kind.SELECT, text[:end])
    return Statement(Kind.SELECT, text[: tokens[at].start], form, text[tokens[at + 1].end : end])


def _format_clause(names: list[str]) -> int:
    """Return where the closing FORMAT clause begins, 0 without one."""
    for at in range(len(names) - 2, 0, -1):
        if names[at] == "FORMAT" and names[at + 1] and (at + 2 == len(names) or names[at + 2] == "SETTINGS"):
            return at
    return 0


def _streams(opening: bytes, names: list[str]) -> bool:
    """Return whether the statement is a query that may answer with many rows."""
    return (opening == b"(" or names[0] in {"SELECT", "FROM", "WITH"}) and "INSERT" not in names


def _refuse_file(token: _Token) -> None:
    if token.name in {"OUTFILE", "INFILE"}:
        raise RefusedError(_NOT_IMPLEMENTED, "INTO OUTFILE and FROM INFILE belong to clickhouse-client. (NOT_IMPLEMENTED)")
