"""The content codings of HTTP bodies that ClickHouse's clients use: lz4, zstd, gzip, deflate."""

import zlib
from collections.abc import Callable
from typing import Protocol

from backports import zstd
from lz4 import frame as lz4  # type: ignore[import-untyped]  # lz4 ships no types


class Encoder(Protocol):
    """Compresses one body, chunk by chunk."""

    def compress(self, chunk: bytes, /) -> bytes:
        """Return what is ready to be sent."""

    def flush(self) -> bytes:
        """Return the end of the body."""


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, chunk: bytes, /) -> bytes: ...


class _Lz4Encoder:
    def __init__(self) -> None:
        self._frame = lz4.LZ4FrameCompressor()
        self._header: bytes = self._frame.begin()

    def compress(self, chunk: bytes, /) -> bytes:
        header, self._header = self._header, b""
        return header + bytes(self._frame.compress(chunk))

    def flush(self) -> bytes:
        return self._header + bytes(self._frame.flush())


ENCODERS: dict[str, Callable[[], Encoder]] = {
    "lz4": _Lz4Encoder,
    "zstd": lambda: zstd.ZstdCompressor(level=1),
    "gzip": lambda: zlib.compressobj(level=1, wbits=31),
    "deflate": lambda: zlib.compressobj(level=1),
}
_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "lz4": lz4.LZ4FrameDecompressor,
    "zstd": lambda: zstd.ZstdDecompressor(None),
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": lambda: zlib.decompressobj(wbits=15),
}
_BROKEN = (zlib.error, zstd.ZstdError, RuntimeError, EOFError)


class Inflater:
    """Takes a coded body chunk by chunk; frames may follow one another, as clickhouse-connect sends them."""

    def __init__(self, coding: str) -> None:
        """Start on a body.

        Args:
            coding: Value of `Content-Encoding`; empty or `identity` leaves the body as it is.

        Raises:
            ValueError: For a coding that is not known here.
        """
        if coding not in {"", "identity", *_DECODERS}:
            raise ValueError(f"content encoding {coding!r} is not known, use one of {', '.join(_DECODERS)}")
        self._coding = coding
        self._start = _DECODERS.get(coding)
        self._decoder: _Decoder | None = None

    def feed(self, chunk: bytes) -> bytes:
        """Return the plain bytes that `chunk` completes.

        Raises:
            ValueError: If the body is not in the coding it claims.
        """
        if self._start is None:
            return chunk
        plain = bytearray()
        while chunk:
            self._decoder = self._decoder or self._start()
            try:
                plain += self._decoder.decompress(chunk)
            except _BROKEN as error:
                raise ValueError(f"the body is not {self._coding}") from error
            chunk = b""
            if self._decoder.eof:
                chunk = self._decoder.unused_data or b""
                self._decoder = None
        return bytes(plain)

    def close(self) -> None:
        """Raise ValueError if the body ended inside a frame."""
        if self._decoder is not None:
            raise ValueError(f"the {self._coding} body is cut short")
