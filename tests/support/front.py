"""Stands between clients and a collector and misbehaves: answers 500 and 429, resets, cuts an answer that took effect."""

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FAULTS = ("503", "reset", "cut_answer")
"""Each happens to one request, in this order; then all is well."""
_RESET_AT_ONCE = struct.pack("ii", 1, 0)
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 %s Faulty\r\nRetry-After: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


@contextmanager
def misbehaving(upstream: str, faults: tuple[str, ...] = FAULTS) -> Iterator[tuple[str, list[str]]]:
    """Listen on a loopback port; give its address, and the faults that are still to come.

    Args:
        upstream: URL of the collector.
        faults: What happens to the next posts, one each.
    """
    host, port = upstream.removeprefix("http://").split(":")
    loop, coming = asyncio.new_event_loop(), list(faults)

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(found[1])) if (found := _LENGTH.search(head)) else b""
            fault = coming.pop(0) if coming and head.startswith(b"POST") else ""
            if fault.isdecimal():
                writer.write(_ANSWER % fault.encode())
            elif fault == "reset":
                _reset(writer)
            else:
                answer = await _forwarded(host, int(port), head, body)
                if fault == "cut_answer":
                    _reset(writer)
                else:
                    writer.write(answer)
            await writer.drain()
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(exchange, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", coming
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _forwarded(host: str, port: int, head: bytes, body: bytes) -> bytes:
    """Return the answer to a request, of which the connection ends."""
    reader, writer = await asyncio.open_connection(host, port)
    lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
    writer.write(b"\r\n".join([*lines, b"Connection: close", b"", body]))
    answer = await reader.read()
    writer.close()
    return answer


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection the way a crash does."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_ONCE)
    writer.transport.abort()
