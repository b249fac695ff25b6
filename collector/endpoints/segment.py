"""Endpoints of Segment's and RudderStack's clients."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from collector.bodies import Refusal
from collector.edge import Answered, Edge, Reading, Visit, pixel, received, secret_of
from collector.endpoints.descriptions import REFUSED, Stored, takes
from collector.intake import Mapper
from collector.sources.segment import CALLS, map_message
from schemas.projection import Plan

_MESSAGE: Final = {
    "type": "object",
    "properties": {
        "messageId": {"type": "string"},
        "userId": {"type": ["string", "null"]},
        "anonymousId": {"type": ["string", "null"]},
        "timestamp": {"type": "string"},
    },
}
_BATCH: Final = {
    "type": "object",
    "required": ["batch"],
    "properties": {"batch": {"type": "array", "items": _MESSAGE}, "sentAt": {"type": "string"}},
}
Endpoint = Callable[[Request], Awaitable[Response]]


def router(currency: str, plan: Plan) -> APIRouter:
    """Return the endpoints.

    Args:
        currency: That of amounts which name none.
        plan: Tracking plan.
    """
    routes = APIRouter(tags=["Segment and RudderStack"])
    for call in CALLS:
        post = _post(partial(_one, call), currency, plan)
        for path in (f"/v1/{call}", f"/v1/{call[0]}"):
            _add(routes, path, post, _MESSAGE)
        routes.add_api_route(f"/pixel/v1/{call}", _pixel(call, currency, plan), methods=["GET"], responses=REFUSED)
        routes.add_api_route(f"/v1/pixel/{call}", _pixel(call, currency, plan), methods=["GET"], responses=REFUSED)
    batch = _post(_many, currency, plan)
    for path in ("/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"):
        _add(routes, path, batch, _BATCH)
    routes.add_api_route("/v1/projects/{key}/settings", project_settings, methods=["GET"], responses=REFUSED)
    routes.add_api_route("/sourceConfig", source_config, methods=["GET"], responses=REFUSED)
    return routes


def _add(routes: APIRouter, path: str, endpoint: Endpoint, schema: dict[str, Any]) -> None:
    routes.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        responses={200: {"model": Stored}, **REFUSED},
        openapi_extra=takes(schema),
        response_model=None,
    )


def _post(messages: Callable[[Any], Sequence[Any]], currency: str, plan: Plan) -> Endpoint:
    one = messages is not _many

    async def post(request: Request) -> Response:
        def read(visit: Visit) -> Reading:
            told = received(request, visit, currency, plan)
            return Reading(messages(visit.body), lambda message, message_id: map_message(message, message_id, told), one)

        edge: Edge = request.app.state.edge
        return await edge.post(request, read)

    return post


def _one(call: str, body: Any) -> list[Any]:
    if not isinstance(body, dict):
        raise Refusal(400, "invalid_event", "the body must be a JSON object")
    return [{**body, "type": call}]


def _many(body: Any) -> list[Any]:
    batch = body.get("batch") if isinstance(body, dict) else None
    if not isinstance(batch, list):
        raise Refusal(400, "invalid_batch", "batch: must be a list of messages")
    shared = body.get("context")
    if not isinstance(shared, dict):
        return batch
    return [{"context": shared, **message} if isinstance(message, dict) else message for message in batch]


def _pixel(call: str, currency: str, plan: Plan) -> Endpoint:
    async def get(request: Request) -> Response:
        edge: Edge = request.app.state.edge
        message = {**_query(request), "type": call}

        def mapper(visit: Visit) -> Mapper:
            told = received(request, visit, currency, plan)
            return lambda raw, message_id: map_message(raw, message_id, told)

        await edge.get(request, message, mapper)
        return pixel()

    return get


def _query(request: Request) -> dict[str, Any]:
    """Return the message in a query: as base64 of JSON in `data`, or a parameter a field, dots between inner names."""
    data = request.query_params.get("data")
    if data is not None:
        try:
            message = orjson.loads(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)))
        except (ValueError, binascii.Error):
            message = None
        if not isinstance(message, dict):
            raise Refusal(400, "invalid_event", "data: is no base64 of a JSON object")
        return message
    message = {}
    for name, value in request.query_params.items():
        if name in ("writeKey", "write_key", "key"):
            continue
        *outer, last = name.split(".")[:4]
        inner = message
        for part in outer:
            nested = inner.setdefault(part, {})
            if not isinstance(nested, dict):
                raise Refusal(400, "invalid_event", "query: a field is a text and has fields of its own")
            inner = nested
        inner[last] = value
    return message


async def project_settings(request: Request, key: str) -> Response:
    """Answer a browser's client that asks where to send to: back here, and nowhere else."""
    edge: Edge = request.app.state.edge
    edge.admit(key, "write", request)
    host = f"{request.url.netloc}/v1"
    return Answered(
        {
            "integrations": {"Segment.io": {"apiKey": key, "apiHost": host, "unbundledIntegrations": []}},
            "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}, "identify": {}, "group": {}},
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }
    )


async def source_config(request: Request) -> Response:
    """Answer RudderStack's browser client that asks what its source is: an enabled one without other destinations."""
    edge: Edge = request.app.state.edge
    secret = secret_of(request)
    key = edge.admit(secret, "write", request)
    source = {
        "id": key.name,
        "name": key.name,
        "writeKey": secret,
        "enabled": True,
        "workspaceId": "warmth",
        "config": {"statsCollection": {"errors": {"enabled": False}, "metrics": {"enabled": False}}},
        "sourceDefinition": {"name": "Javascript", "displayName": "Javascript", "category": None},
        "connections": [],
        "destinations": [],
        "dataplanes": {},
    }
    return Answered({"source": source, "updatedAt": "2026-01-01T00:00:00.000Z"})
