"""What every endpoint does: admit the key, read the body, take in the messages, deliver them, answer."""

import base64
import binascii
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from collector import bodies, metrics
from collector.bodies import Limits, Refusal
from collector.delivery import Delivery, unavailable
from collector.intake import Intake, Mapper, Taken
from collector.keys import Key, Keyring, Rates, Scope
from collector.sources.fields import instant
from collector.sources.segment import Received
from core.times import Micros, iso
from core.traffic import cut_address
from schemas.projection import Plan
from streams.vault.covering import Covering
from streams.vault.keys import VaultError

_BROWSER: Final = "Mozilla/"
_PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


class Answered(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return orjson.dumps(content)


class Visit(NamedTuple):
    """A request that was admitted: whose key, when, and its body as decoded from JSON."""

    key: Key
    received_at: Micros
    body: Any


class Reading(NamedTuple):
    """The messages of a request, what their wire format means, and whether there is one only: a bad one is 400 then."""

    messages: Sequence[Any]
    mapper: Mapper
    one: bool = False


Read = Callable[[Visit], Reading]


class Edge:
    """What the endpoints share.

    Args:
        keyring: Who may post.
        rates: How fast.
        limits: How much is looked into.
        intake: Makes events of messages.
        covering: Makes records of events.
        delivery: Brings records to Kafka.
    """

    def __init__(
        self, keyring: Keyring, rates: Rates, limits: Limits, intake: Intake, covering: Covering, delivery: Delivery
    ) -> None:
        self.keyring = keyring
        self.delivery = delivery
        self._rates = rates
        self._limits = limits
        self._intake = intake
        self._covering = covering
        self.vault_trouble = ""
        """Why keys could not be had the last time; empty where they could."""

    async def post(self, request: Request, read: Read, secret_in: Callable[[Any], Any] | None = None) -> Response:
        """Take in the messages of a request's body; 200 means that Kafka has them, or dead letters of them.

        Args:
            request: The request.
            read: What its messages are.
            secret_in: Where a body bears the key; `writeKey` if left out.
        """
        visit = await self._visit(request, secret_in or _write_key)
        reading = read(visit)
        return _answer(await self._store(visit, reading.messages, reading.mapper), one=reading.one)

    async def get(self, request: Request, message: Any, mapper: Callable[[Visit], Mapper], secret: str = "") -> None:
        """Take in one message that came as a query; `secret` is the key where no usual place has one."""
        key = self.admit(secret_of(request) or secret, "write", request)
        visit = Visit(key, time.time_ns() // 1000, message)
        (taken,) = await self._store(visit, [message], mapper(visit))
        if taken.verdict.reason:
            raise Refusal(400, "invalid_event", f"{taken.verdict.reason}: {taken.verdict.detail}")

    def admit(self, secret: str, scope: Scope, request: Request) -> Key:
        """Return the key of a request; refuse one that is unknown or too fast before anything else is looked at."""
        key = self.keyring.admit(secret, scope, request.headers.get("origin"))
        self._rates.check(key)
        return key

    def spent(self, key: Key, number: int) -> None:
        """Count what a key has taken against its rate."""
        self._rates.spend(key, number)

    async def _visit(self, request: Request, secret_in: Callable[[Any], Any]) -> Visit:
        secret = secret_of(request)
        key = self.admit(secret, "write", request) if secret else None
        packed = await _body(request, self._limits.body_bytes)
        body = bodies.read(bodies.unpack(packed, self._limits))
        if key is None:
            said = secret_in(body)
            key = self.admit(said if isinstance(said, str) else "", "write", request)
        return Visit(key, time.time_ns() // 1000, body)

    async def _store(self, visit: Visit, messages: Sequence[Any], mapper: Mapper) -> list[Taken]:
        taken = self._intake.take(messages, visit.received_at, mapper)
        self.spent(visit.key, len(taken))
        try:
            records = await self._covering.records([one.leaving for one in taken])
        except VaultError as error:
            self.vault_trouble = str(error)
            raise unavailable() from error
        self.vault_trouble = ""
        await self.delivery.deliver(records)
        for reason, number in Counter(one.verdict.reason for one in taken).items():
            metrics.EVENTS.labels(reason or "accepted").inc(number)
        metrics.OMITTED.inc(sum(one.leaving.omitted for one in taken))
        return taken


def _write_key(body: Any) -> Any:
    return body.get("writeKey") or body.get("write_key") if isinstance(body, dict) else None


def pixel() -> Response:
    """Return the answer to a page that asks for a picture: one transparent dot, never kept by the browser."""
    return Response(_PIXEL, media_type="image/gif", headers={"Cache-Control": "no-store"})


def received(request: Request, visit: Visit, currency: str, plan: Plan) -> Received:
    """Return what a mapper is told of a request; a visitor's browser also tells its address and name."""
    agent = request.headers.get("user-agent", "")
    own = agent.startswith(_BROWSER)
    return Received(
        received_at=iso(visit.received_at),
        source=visit.key.source,
        sent_at=instant(visit.body.get("sentAt")) if isinstance(visit.body, dict) else None,
        ip=cut_address(request.client.host) if own and request.client else None,
        user_agent=agent if own else None,
        currency=currency,
        plan=plan,
    )


def secret_of(request: Request) -> str:
    """Return the key that a request bears outside its body: Basic auth, bearer, header or query; empty where none is."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(401, "malformed_key", "the Basic credentials are no base64 of KEY:") from None
    if scheme.casefold() == "bearer":
        return rest.strip()
    query = request.query_params
    return request.headers.get("x-write-key") or query.get("writeKey") or query.get("write_key") or query.get("key") or ""


async def _body(request: Request, limit: int) -> bytes:
    """Return the body; stop to read as soon as it is too large."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise bodies.too_large(limit)
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise bodies.too_large(limit)
            parts.append(part)
    except ClientDisconnect:
        raise Refusal(400, "cut_off", "the body ended too early") from None
    return b"".join(parts)


def _answer(taken: list[Taken], *, one: bool) -> Response:
    rejected = [
        {"index": index, "message_id": verdict.message_id, "reason": verdict.reason, "detail": verdict.detail}
        for index, (_, verdict) in enumerate(taken)
        if verdict.reason
    ]
    if one and rejected:
        raise Refusal(400, "invalid_event", f"{rejected[0]['reason']}: {rejected[0]['detail']}")
    if not rejected:
        return Answered({"success": True})
    return Answered({"success": True, "accepted": len(taken) - len(rejected), "rejected": rejected})
