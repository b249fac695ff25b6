"""Run the embedded ClickHouse: `python -m deploy.embedded.clickhouse --data DIR --port 8123`.

ClickHouse's engine as a library (chDB) behind ClickHouse's HTTP interface, for one machine. There is no access
management: whoever reaches the port may read and write everything, files of this user included, so it binds to
loopback only unless told otherwise, and there it answers no web page.
"""

import argparse
import asyncio
import errno
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from deploy.embedded.clickhouse_engine import Engine, FolderError
from deploy.embedded.clickhouse_http import Endpoint

_EXIT_REFUSED = 2
_MEMORY_SHARE = 3  # a third of the machine: broker, scorer and loader live beside it
_FINISH_SECS = 12.0  # running requests get this long after SIGTERM; the supervisor kills after 20

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _StartError(Exception):
    """It does not start; the text says why and what to do."""


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code: 0, or 2 after one line that says what is wrong."""
    options = _options(argv)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        port = _bound(options.host, options.port, allow_remote=options.allow_remote)
        engine = Engine(options.data.resolve(), options.memory_bytes)
    except (_StartError, FolderError) as refusal:
        sys.stderr.write(f"embedded ClickHouse: {refusal}\n")
        return _EXIT_REFUSED
    asyncio.run(_serve(engine, port, loopback_only=not options.allow_remote))
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.embedded.clickhouse", description=__doc__)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MEMORY_SHARE
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the tables, made if not there")
    parser.add_argument("--port", type=int, default=8123, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind to (default: %(default)s)")
    parser.add_argument("--allow-remote", action="store_true", help="let --host be reachable from other machines")
    parser.add_argument(
        "--memory-bytes", type=int, default=memory, help="the engine's limit (default: a third: %(default)s)"
    )
    return parser.parse_args(argv)


def _bound(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """Return a socket bound to `host` and `port`, not listening yet."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError) as error:
        raise _StartError(f"cannot bind to {host}:{port} ({error}): give an address of this machine and a port") from error
    if not allow_remote and not _is_loopback(str(address[0])):
        raise _StartError(
            f"{host} is reachable from other machines and there are no passwords: add --allow-remote to accept that"
        )
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise _StartError(f"port {port} on {host} is taken: stop what uses it or choose another --port") from error
        raise _StartError(f"cannot bind to {host}:{port} ({error.strerror}): choose another --host or --port") from error
    return bound


async def _serve(engine: Engine, bound: socket.socket, *, loopback_only: bool) -> None:
    """Answer requests until a signal, finish those that run, close the engine."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    app = web.Application(middlewares=[_no_web_pages] if loopback_only else [])
    for method in ("GET", "HEAD", "POST", "PUT"):
        app.router.add_route(method, "/{path:.*}", Endpoint(engine).answer)
    runner = web.AppRunner(
        app, access_log=None, auto_decompress=False, handler_cancellation=True, shutdown_timeout=_FINISH_SECS
    )
    await runner.setup()
    try:
        await web.SockSite(runner, bound).start()
        host, port = bound.getsockname()[:2]
        sys.stderr.write(f"embedded ClickHouse {engine.version} listens on {host}:{port}\n")
        await stop.wait()
    finally:
        await runner.cleanup()
        await engine.close()


@web.middleware
async def _no_web_pages(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse what a page in a browser sends: it could otherwise reach the engine of whoever looks at it."""
    named = (f"//{request.host}", request.headers.get("Origin", ""))
    if not all(_is_loopback(_hostname(url)) for url in named if url):
        return web.Response(status=403, text="Requests for other hosts or from web pages need --allow-remote.\n")
    return await handler(request)


def _hostname(url: str) -> str:
    """Return the host that `url` names, empty if it is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    """Return whether only this machine reaches `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
