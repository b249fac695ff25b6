"""Endpoints of tills, of systems that speak our own contract, and of help desks."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from collector.edge import Edge, Reading, Visit
from collector.endpoints.descriptions import REFUSED, Stored, takes
from collector.sources.fields import Mapped, Unusable
from collector.sources.freshdesk import map_ticket
from collector.sources.till import map_event, map_receipt
from core.times import iso

Map = Callable[[Any, str, str, str | None], Mapped | Unusable]
_OBJECTS = {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}


def router() -> APIRouter:
    """Return the endpoints."""
    routes = APIRouter(tags=["Tills, help desks, own events"])
    for path, map_one in (("/v1/receipts", map_receipt), ("/v1/events", map_event), ("/v1/freshdesk", map_ticket)):
        routes.add_api_route(
            path,
            _post(map_one),
            methods=["POST"],
            responses={200: {"model": Stored}, **REFUSED},
            openapi_extra=takes(_OBJECTS),
            response_model=None,
        )
    return routes


def _post(map_one: Map) -> Callable[[Request], Awaitable[Response]]:
    async def post(request: Request) -> Response:
        def read(visit: Visit) -> Reading:
            at, source = iso(visit.received_at), visit.key.source
            messages = visit.body if isinstance(visit.body, list) else [visit.body]
            return Reading(messages, lambda raw, message_id: map_one(raw, message_id, at, source), len(messages) == 1)

        edge: Edge = request.app.state.edge
        return await edge.post(request, read)

    return post
