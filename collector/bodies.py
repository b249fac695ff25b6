"""Bodies of requests: unpacked and read within limits, whatever they claim to be."""

import json
import zlib
from typing import Any, Final, NamedTuple

import orjson

_GZIP: Final = b"\x1f\x8b"
_BROKEN: Final = object()
"""Stands for what JSON has no value for, such as NaN; it can not be written again."""


class Refusal(Exception):  # noqa: N818  # an answer, no fault
    """A request that is answered with an error: HTTP status, code, one line, and when to come again where that is known."""

    def __init__(self, status: int, code: str, message: str, retry_after_secs: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after_secs = retry_after_secs


class Limits(NamedTuple):
    """How much is looked into; bytes, but for `depth`, which is of objects and lists in each other."""

    body_bytes: int
    unpacked_bytes: int
    event_bytes: int
    depth: int


def unpack(body: bytes, limits: Limits) -> bytes:
    """Return a body without gzip, which is recognised by itself: clients forget its header.

    Raises:
        Refusal: It is no whole gzip stream, or too large.
    """
    if not body.startswith(_GZIP):
        return body
    inflate = zlib.decompressobj(31)
    try:
        plain = inflate.decompress(body, limits.unpacked_bytes + 1)
    except zlib.error:
        raise Refusal(400, "invalid_gzip", "the body begins like gzip and is none") from None
    if len(plain) > limits.unpacked_bytes:
        raise too_large(limits.unpacked_bytes, "unpacked")
    if not inflate.eof:
        raise Refusal(400, "invalid_gzip", "the gzip stream ends too early")
    return plain


def read(body: bytes) -> Any:
    """Return what a JSON body holds; of a batch, one message that is no JSON does not cost the others.

    Raises:
        Refusal: It is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _read_leniently(body)


def _read_leniently(body: bytes) -> Any:
    """Read what only parts of are no JSON by the letter: NaN, halves of surrogate pairs."""
    try:
        return json.loads(body, parse_constant=lambda _name: _BROKEN)
    except RecursionError:
        raise Refusal(400, "too_deep", "arrays or objects are nested too deep") from None
    except ValueError:
        raise Refusal(400, "invalid_json", "the body is no JSON") from None


def write(message: Any) -> bytes | None:
    """Return a message as JSON, None where it is none by the letter."""
    try:
        return orjson.dumps(message)
    except TypeError:
        return None


def write_anyhow(message: Any) -> bytes:
    """Return a message as JSON that shows as much of it as JSON can."""
    try:
        return json.dumps(message, default=lambda _value: "not JSON").encode()
    except RecursionError:
        return b'"nested too deep"'


def is_deeper(message: Any, written: bytes, depth: int) -> bool:
    """Tell whether objects and lists stand in each other more than `depth` times; few brackets tell that they do not."""
    return written.count(b"{") + written.count(b"[") > depth and _is_deeper(message, depth)


def _is_deeper(value: Any, depth: int) -> bool:
    if isinstance(value, dict):
        return depth == 0 or any(_is_deeper(inner, depth - 1) for inner in value.values() if isinstance(inner, (dict, list)))
    if isinstance(value, list):
        return depth == 0 or any(_is_deeper(inner, depth - 1) for inner in value if isinstance(inner, (dict, list)))
    return False


def too_large(limit: int, what: str = "the body has") -> Refusal:
    """Return the answer to a body that is too large."""
    return Refusal(413, "too_large", f"{what} more than {limit} bytes; send smaller batches")
