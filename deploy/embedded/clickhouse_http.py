"""ClickHouse's HTTP interface: requests to statements, answers and errors back, headers and statuses as a server's.

User, password, quota and role are taken and ignored: the engine has no access management. `session_id` is taken
and ignored: nothing outlives a request, temporary tables neither. `query_id` is echoed only.
"""

import asyncio
import json
import re
import secrets
from dataclasses import dataclass, replace
from typing import IO
from uuid import uuid4

from aiohttp import BodyPartReader, web

from deploy.embedded.clickhouse_codings import ENCODERS, Encoder, Inflater
from deploy.embedded.clickhouse_engine import Counts, Engine, Rows, Session
from deploy.embedded.clickhouse_errors import RefusedError
from deploy.embedded.clickhouse_native import SERIALIZATION_REVISION, with_revision
from deploy.embedded.clickhouse_sql import Kind, Statement, outline

_HEAD_BYTES = 256 << 10
_HOLD_BYTES = 64 << 10  # an error before this many bytes still gets its status
_CHUNK_BYTES = 256 << 10
_PASSED_OVER = {"close_session", "password", "quota_key", "role", "session_check", "session_id", "session_timeout", "user"}
_READ_HERE = {"client_protocol_version", "compress", "database", "decompress", "default_format", "query", "query_id"}
_NOT_SETTINGS = _PASSED_OVER | _READ_HERE | {"buffer_size", "stacktrace", "wait_end_of_query"}
_NAME = re.compile(r"[A-Za-z_]\w*")
_BAD_ARGUMENTS, _NOT_IMPLEMENTED, _INCORRECT_DATA, _UNKNOWN_FORMAT, _UNKNOWN_SETTING = 36, 48, 117, 73, 115
_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "Parquet": "application/octet-stream",
}


@dataclass(frozen=True, slots=True)
class Call:
    """What a request asks for, its body apart.

    Attributes:
        query: The statement, or the part of it that came in the URL.
        form: The format of the answer unless the statement names one.
        revision: Protocol revision of Native blocks, 0 for none.
        whole: Hold the answer back until the statement has ended well.
        coding: Content coding of the answer, empty for none.
        headers: What every answer to this request carries.
    """

    session: Session
    query: bytes
    form: str
    revision: int
    whole: bool
    coding: str
    headers: dict[str, str]


class Endpoint:
    """The handlers of an engine's HTTP interface."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, a refusal as ClickHouse words it."""
        try:
            return await self._answer(request)
        except RefusedError as refusal:
            text = f"{refusal.text} (version {self._engine.version})\n"
            headers = {"X-ClickHouse-Exception-Code": str(refusal.code)}
            return web.Response(status=refusal.status, text=text, headers=headers)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        arguments = await _arguments(request)
        if request.method in {"GET", "HEAD"} and "query" not in arguments:
            return _greeting(request)
        call = self._call(request, arguments)
        body = await self._body(request)
        statement = _statement(call.query, body)
        if statement.kind is Kind.LOAD:
            counts = await self._engine.load(call.session, statement, body)
            return web.Response(headers=call.headers | _summary(counts))
        body.close()
        form = _named(statement.format or call.form, _UNKNOWN_FORMAT, "format")
        headers = call.headers | {"X-ClickHouse-Format": form, "Content-Type": _content_type(form)}
        call = replace(call, headers=headers, revision=call.revision if form == "Native" else 0)
        if statement.kind is Kind.SELECT:
            return await self._stream(request, call, statement, form)
        answer, counts = await self._engine.command(call.session, statement, form)
        return _complete(call, with_revision(answer, call.revision) if call.revision else answer, counts)

    async def _stream(self, request: web.Request, call: Call, statement: Statement, form: str) -> web.StreamResponse:
        """Answer with rows as they come, or in one piece if they are few."""
        async with self._engine.select(call.session, statement, form, call.revision) as rows:
            with self._engine.spool() as held:
                over = await _hold(rows, held, None if call.whole else _HOLD_BYTES)
                counts = await rows.ended if over else Counts()
                size = held.tell()
                held.seek(0)
                if over and size <= _HOLD_BYTES:
                    return _complete(call, held.read(), counts)
                outlet = await _Outlet.open(request, call, counts)
                while chunk := held.read(_CHUNK_BYTES):
                    await outlet.write(chunk)
            while chunk := await rows.read():
                await outlet.write(chunk)
            try:
                await rows.ended
            except RefusedError as refusal:
                return await outlet.fail(f"{refusal.text} (version {self._engine.version})")
            return await outlet.close()

    def _call(self, request: web.Request, arguments: dict[str, str]) -> Call:
        """Return what `request` asks for; a name that is no name is refused, a value can never be SQL."""
        for flag in ("compress", "decompress"):
            if _on(arguments.get(flag)):
                advice = (
                    "use Accept-Encoding and Content-Encoding (lz4, zstd, gzip), in JDBC use_http_compression or compress=0"
                )
                raise RefusedError(
                    _NOT_IMPLEMENTED, f"{flag}=1 is not known to the embedded ClickHouse: {advice}. (NOT_IMPLEMENTED)"
                )
        given = {name: value for name, value in arguments.items() if name not in _NOT_SETTINGS}
        settings = {_named(name, _UNKNOWN_SETTING, "setting"): value for name, value in given.items()}
        session = Session(
            arguments.get("database") or request.headers.get("X-ClickHouse-Database") or "default",
            settings,
            read_only=request.method in {"GET", "HEAD"},
        )
        revision = arguments.get("client_protocol_version", "0")
        newest = int(revision) if revision.isdecimal() else 0
        headers = {
            "X-ClickHouse-Server-Display-Name": self._engine.display_name,
            "X-ClickHouse-Query-Id": _printable(arguments.get("query_id")) or str(uuid4()),
            "X-ClickHouse-Timezone": _printable(settings.get("session_timezone")) or self._engine.timezone,
        }
        return Call(
            session,
            arguments.get("query", "").encode(),
            arguments.get("default_format") or request.headers.get("X-ClickHouse-Format") or "TabSeparated",
            newest if newest >= SERIALIZATION_REVISION else 0,
            _on(arguments.get("wait_end_of_query")),
            _coding(request) if _on(settings.get("enable_http_compression", "1")) else "",
            headers,
        )

    async def _body(self, request: web.Request) -> IO[bytes]:
        """Return the whole body, plain: a statement begins only when all of it has come."""
        body = self._engine.spool()
        try:
            inflater = Inflater(request.headers.get("Content-Encoding", "").lower())
            async for chunk in request.content.iter_any():
                body.write(inflater.feed(chunk))
            inflater.close()
        except ValueError as error:
            raise RefusedError(_INCORRECT_DATA, f"{error}. (INCORRECT_DATA)") from error
        body.seek(0)
        return body


class _Outlet:
    """A chunked answer under way."""

    def __init__(self, request: web.Request, response: web.StreamResponse, encoder: Encoder | None, tag: str) -> None:
        self._request = request
        self._response = response
        self._encoder = encoder
        self._tag = tag

    @classmethod
    async def open(cls, request: web.Request, call: Call, counts: Counts) -> "_Outlet":
        """Send the headers."""
        tag = secrets.token_hex(8)
        headers = call.headers | _summary(counts) | {"X-ClickHouse-Exception-Tag": tag}
        response = web.StreamResponse(headers=headers | ({"Content-Encoding": call.coding} if call.coding else {}))
        await response.prepare(request)
        return cls(request, response, ENCODERS[call.coding]() if call.coding else None, tag)

    async def write(self, chunk: bytes) -> None:
        """Send `chunk`, waiting while the client reads slower than the engine writes."""
        if self._encoder:
            chunk = await asyncio.to_thread(self._encoder.compress, chunk)
        await self._response.write(chunk)

    async def close(self) -> web.StreamResponse:
        """End an answer that is whole."""
        if self._encoder:
            await self._response.write(self._encoder.flush())
        await self._response.write_eof()
        return self._response

    async def fail(self, text: str) -> web.StreamResponse:
        """End an answer that is cut: the error last, and no closing chunk, so that no client takes it for whole."""
        mark = f"__exception__\r\n{self._tag}\r\n{text}\n{len(text.encode()) + 1} {self._tag}\r\n__exception__\r\n"
        await self.write(f"\r\n{mark}".encode())
        if self._encoder:
            await self._response.write(self._encoder.flush())
        if self._request.transport:
            self._request.transport.close()
        return self._response


async def _hold(rows: Rows, held: IO[bytes], limit: int | None) -> bool:
    """Collect rows up to `limit` bytes and return whether they are all."""
    while limit is None or held.tell() < limit:
        chunk = await rows.read()
        if not chunk:
            return True
        held.write(chunk)
    return False


async def _arguments(request: web.Request) -> dict[str, str]:
    """Return the arguments of the URL and, of a multipart form, its fields."""
    arguments = dict(request.query)
    if request.content_type == "multipart/form-data":
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.filename or not part.name:
                raise RefusedError(
                    _NOT_IMPLEMENTED, "External tables are not known to the embedded ClickHouse. (NOT_IMPLEMENTED)"
                )
            arguments[part.name] = await part.text()
    return arguments


def _statement(query: bytes, body: IO[bytes]) -> Statement:
    """Return the statement in the URL and the body together; of a LOAD, `body` is left at its first row."""
    head = body.read(_HEAD_BYTES)
    before = query + b"\n" if query and head else query
    statement = outline(before + head)
    if statement.kind is not Kind.LOAD:
        rest = body.read()
        return outline(before + head + rest) if rest else statement
    if statement.rows_at < len(before.rstrip()):
        raise RefusedError(
            _BAD_ARGUMENTS, "Rows of an INSERT belong either all in the query or all in the body. (BAD_ARGUMENTS)"
        )
    body.seek(max(0, statement.rows_at - len(before)))
    return statement


def _greeting(request: web.Request) -> web.Response:
    if request.path in {"/", "/ping", "/replicas_status"}:
        return web.Response(text="Ok.\n")
    text = f"There is no handle {request.path}\n\nUse / or /ping for health checks, POST or GET /?query=... for queries.\n"
    return web.Response(status=404, text=text)


def _complete(call: Call, answer: bytes, counts: Counts) -> web.Response:
    """Return an answer that is whole and small."""
    headers = call.headers | _summary(counts)
    if call.coding and answer:
        encoder = ENCODERS[call.coding]()
        answer = encoder.compress(answer) + encoder.flush()
        headers["Content-Encoding"] = call.coding
    return web.Response(body=answer, headers=headers)


def _summary(counts: Counts) -> dict[str, str]:
    summary = {name: str(getattr(counts, name)) for name in Counts.__slots__}
    return {"X-ClickHouse-Summary": json.dumps(summary)}


def _named(name: str, code: int, what: str) -> str:
    if not _NAME.fullmatch(name):
        raise RefusedError(code, f"Unknown {what} {name!r}. (UNKNOWN_{what.upper()})")
    return name


def _coding(request: web.Request) -> str:
    """Return the first of our codings that the client takes."""
    offered = [offer.partition(";") for offer in request.headers.get("Accept-Encoding", "").lower().split(",")]
    taken = {coding.strip() for coding, _, weight in offered if weight.replace(" ", "") not in {"q=0", "q=0.0"}}
    return next((coding for coding in ENCODERS if coding in taken), "")


def _content_type(form: str) -> str:
    return next((kind for prefix, kind in _CONTENT_TYPES.items() if form.startswith(prefix)), "text/plain; charset=UTF-8")


def _on(value: str | None) -> bool:
    return value is not None and value.lower() not in {"", "0", "false"}


def _printable(value: str | None) -> str:
    """Return `value` if it may stand in a header."""
    return value if value and value.isascii() and value.isprintable() else ""
