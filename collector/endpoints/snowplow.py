"""Endpoints of Snowplow's trackers; they know no keys, so the application id that they send is one."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from collector.bodies import Refusal
from collector.edge import Edge, Reading, Visit, pixel, received
from collector.endpoints.descriptions import REFUSED, Stored, takes
from collector.intake import Mapper
from collector.sources.snowplow import map_payload
from schemas.projection import Plan

_PATH: Final = "/com.snowplowanalytics.snowplow/tp2"
_SCHEMA: Final = {
    "type": "object",
    "required": ["data"],
    "properties": {"schema": {"type": "string"}, "data": {"type": "array", "items": {"type": "object"}}},
}


def router(currency: str, plan: Plan) -> APIRouter:
    """Return the endpoints.

    Args:
        currency: That of amounts which name none.
        plan: Tracking plan.
    """
    routes = APIRouter(tags=["Snowplow"])

    def mapper(request: Request, visit: Visit) -> Mapper:
        told = received(request, visit, currency, plan)
        return lambda payload, message_id: map_payload(payload, message_id, told)

    async def post(request: Request) -> Response:
        edge: Edge = request.app.state.edge
        return await edge.post(request, lambda visit: Reading(_payloads(visit.body), mapper(request, visit)), _application)

    async def get(request: Request) -> Response:
        edge: Edge = request.app.state.edge
        payload = dict(request.query_params)
        await edge.get(request, payload, lambda visit: mapper(request, visit), payload.get("aid", ""))
        return pixel()

    routes.add_api_route(
        _PATH,
        post,
        methods=["POST"],
        responses={200: {"model": Stored}, **REFUSED},
        openapi_extra=takes(_SCHEMA),
        response_model=None,
    )
    routes.add_api_route("/i", get, methods=["GET"], responses=REFUSED, response_model=None)
    return routes


def _payloads(body: Any) -> list[Any]:
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, list):
        raise Refusal(400, "invalid_batch", "data: must be a list of payloads")
    return data


def _application(body: Any) -> Any:
    data = body.get("data") if isinstance(body, dict) else None
    first = data[0] if isinstance(data, list) and data else None
    return first.get("aid") if isinstance(first, dict) else None
