"""Native blocks as newer clients over HTTP expect them, clickhouse-go (so Grafana) among them.

A client that sends `client_protocol_version` reads blocks of that revision: a block info in front, and before
each column's values one byte for its serialization. chDB writes revision 0 only, so the places of the columns
are found by walking over their values, as ClickHouse's NativeWriter lays them out.
"""

import re

from deploy.embedded.clickhouse_errors import RefusedError

SERIALIZATION_REVISION = 54454
"""Below it this endpoint writes revision 0; clickhouse-connect finds that out by itself."""
WALKABLE = {"output_format_native_write_json_as_string": "1"}
"""Settings under which every block can be walked."""

_BUCKETS_REVISION = 54480
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff"  # no overflow, no bucket
_OUT_OF_ORDER_BUCKETS = b"\x03\x00"
_END_OF_INFO = b"\x00"
_PLAIN_SERIALIZATION = b"\x00"
_NOT_IMPLEMENTED = 48

_WIDTHS = {
    1: "Bool Int8 UInt8 Enum8 Nothing",
    2: "Int16 UInt16 Enum16 Date BFloat16",
    4: "Int32 UInt32 Float32 Decimal32 Date32 DateTime Time IPv4",
    8: "Int64 UInt64 Float64 Decimal64 DateTime64 Time64",
    16: "Int128 UInt128 Decimal128 UUID IPv6",
    32: "Int256 UInt256 Decimal256",
}
_WIDTH = {name: width for width, names in _WIDTHS.items() for name in names.split()}
_DECIMAL_WIDTHS = ((9, 4), (18, 8), (38, 16), (76, 32))
_SPELT_OUT = {
    "Point": "Tuple(Float64, Float64)",
    "Ring": "Array(Point)",
    "LineString": "Array(Point)",
    "Polygon": "Array(Ring)",
    "MultiLineString": "Array(LineString)",
    "MultiPolygon": "Array(Polygon)",
}
_ELEMENT_NAME = re.compile(r"(?:`(?:[^`\\]|\\.)*`|\w+) +(?=[A-Z])")


def with_revision(blocks: bytes, revision: int) -> bytes:
    """Return whole Native blocks of revision 0 as blocks of `revision`.

    Args:
        blocks: One block or several, none cut, written under `WALKABLE`.
        revision: At least `SERIALIZATION_REVISION`.

    Raises:
        RefusedError: For a column whose layout is not walked here: Dynamic, Variant, aggregate states.
    """
    info = _BLOCK_INFO + (_OUT_OF_ORDER_BUCKETS if revision >= _BUCKETS_REVISION else b"") + _END_OF_INFO
    walk = _Walk(blocks)
    parts: list[bytes] = []
    while (start := walk.at) < len(blocks):
        columns, rows = walk.number(), walk.number()
        parts += info, blocks[start : walk.at]
        for _ in range(columns):
            start = walk.at
            walk.text()
            kind = walk.text().decode()
            values = walk.at
            if rows:
                walk.prefix(kind)
                walk.values(kind, rows)
            parts += blocks[start:values], _PLAIN_SERIALIZATION, blocks[values : walk.at]
    return b"".join(parts)


class _Walk:
    """A place in Native blocks that moves over one thing after another."""

    def __init__(self, blocks: bytes) -> None:
        self._blocks = blocks
        self.at = 0

    def number(self) -> int:
        """Return the varint here."""
        value = shift = 0
        while (byte := self._blocks[self.at]) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            self.at += 1
        self.at += 1
        return value | byte << shift

    def text(self) -> bytes:
        """Return the string here."""
        length = self.number()
        self.at += length
        return self._blocks[self.at - length : self.at]

    def _word(self) -> int:
        self.at += 8
        return int.from_bytes(self._blocks[self.at - 8 : self.at], "little")

    def prefix(self, kind: str) -> None:
        """Move over what stands once before a column's values: versions of its parts."""
        name, arguments = _parsed(kind)
        if name in {"LowCardinality", "JSON"}:
            self.at += 8
        elif name not in _WIDTH:
            for argument in arguments:
                self.prefix(argument)

    def values(self, kind: str, rows: int) -> None:
        """Move over `rows` values."""
        name, arguments = _parsed(kind)
        if width := _width(name, arguments):
            self.at += width * rows
        elif name in {"String", "JSON"}:
            for _ in range(rows):
                self.text()
        elif name == "Nullable":
            self.at += rows
            self.values(arguments[0], rows)
        elif name in {"Array", "Map", "Nested"}:
            self._lists(arguments, rows)
        elif name == "LowCardinality":
            self._dictionary(arguments[0], rows)
        elif name in {"Tuple", "SimpleAggregateFunction"}:
            for argument in arguments[name != "Tuple" :]:
                self.values(argument, rows)
        else:
            raise RefusedError(
                _NOT_IMPLEMENTED, f"{kind} in Native blocks for this client: use toString(). (NOT_IMPLEMENTED)"
            )

    def _lists(self, kinds: list[str], rows: int) -> None:
        """Move over the ends of `rows` lists and over their elements."""
        if not rows:
            return
        self.at += 8 * (rows - 1)
        elements = self._word()
        for kind in kinds:
            self.values(kind, elements)

    def _dictionary(self, kind: str, rows: int) -> None:
        """Move over distinct values and the key of each row."""
        if not rows:
            return
        key_bytes = 1 << (self._word() & 0xFF)
        self.values(kind.removeprefix("Nullable(").removesuffix(")") if kind.startswith("Nullable") else kind, self._word())
        keys = self._word()
        self.at += keys * key_bytes


def _parsed(kind: str) -> tuple[str, list[str]]:
    """Return a type's name and its arguments, names of elements taken off."""
    name, _, inside = _SPELT_OUT.get(kind, kind).partition("(")
    if name in _WIDTH or inside in {"", ")"}:
        return name, []
    return name, [_ELEMENT_NAME.sub("", argument.strip(), count=1) for argument in _split(inside[:-1])]


def _split(inside: str) -> list[str]:
    """Return what the commas outside brackets and quotes part."""
    parts, depth, start, quote = [], 0, 0, ""
    for at, letter in enumerate(inside):
        if quote:
            quote = "" if letter == quote and inside[at - 1] != "\\" else quote
        elif letter in "'`":
            quote = letter
        elif letter == "," and depth == 0:
            parts.append(inside[start:at])
            start = at + 1
        else:
            depth += {"(": 1, ")": -1}.get(letter, 0)
    return [*parts, inside[start:]]


def _width(name: str, arguments: list[str]) -> int:
    """Return the bytes of one value, 0 if they differ."""
    if name == "FixedString":
        return int(arguments[0])
    if name == "Tuple" and not arguments:
        return 1
    if name == "Decimal":
        return next(width for digits, width in _DECIMAL_WIDTHS if int(arguments[0]) <= digits)
    return 8 if name.startswith("Interval") else _WIDTH.get(name, 0)
