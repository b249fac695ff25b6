"""Native blocks as newer clients over HTTP expect them, clickhouse-go (so Grafana) among them.

A client that sends `client_protocol_version` reads blocks of that revision: a block info in front,
and before each column's values one byte for its serialization. chDB writes revision 0 only.
"""

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.buffer import ResponseBuffer
from clickhouse_connect.driver.query import QueryContext

SERIALIZATION_REVISION = 54454
"""Below it this endpoint writes revision 0; clickhouse-connect finds that out by itself."""
_BUCKETS_REVISION = 54480
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff"  # no overflow, no bucket
_OUT_OF_ORDER_BUCKETS = b"\x03\x00"
_END_OF_INFO = b"\x00"
_PLAIN_SERIALIZATION = b"\x00"


class _Whole:
    """A source that holds everything in one chunk, so that a place in the buffer is a place in the blocks."""

    def __init__(self, blocks: bytes) -> None:
        self.gen = iter([blocks])


def with_revision(blocks: bytes, revision: int) -> bytes:
    """Return whole Native blocks of revision 0 as blocks of `revision`.

    Args:
        blocks: One block or several, none cut.
        revision: At least `SERIALIZATION_REVISION`.
    """
    info = _BLOCK_INFO + (_OUT_OF_ORDER_BUCKETS if revision >= _BUCKETS_REVISION else b"") + _END_OF_INFO
    source = ResponseBuffer(_Whole(blocks))
    context = QueryContext()
    parts: list[bytes] = []
    while (start := source.buf_loc) < len(blocks):
        columns, rows = source.read_leb128(), source.read_leb128()
        parts += info, blocks[start : source.buf_loc]
        for _ in range(columns):
            start = source.buf_loc
            source.read_leb128_str()
            column_type = get_from_name(source.read_leb128_str())
            values = source.buf_loc
            if rows:
                column_type.read_column(source, rows, context)
            parts += blocks[start:values], _PLAIN_SERIALIZATION, blocks[values : source.buf_loc]
    return b"".join(parts)
