"""Lookup of a profile by any id, for servers."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from collector.bodies import Refusal
from collector.edge import Edge, secret_of
from collector.endpoints.descriptions import REFUSED, Problem
from collector.profiles import Profiles
from schemas.profile import Profile

_LONGEST_ID: Final = 300


def router() -> APIRouter:
    """Return the endpoint."""
    routes = APIRouter(tags=["Profiles"])
    routes.add_api_route(
        "/v1/profiles/{id:path}",
        profile,
        methods=["GET"],
        response_model=None,
        responses={
            200: {"model": Profile},
            404: {"model": Problem, "description": "Nobody is known by this id"},
            **{status: REFUSED[status] for status in (400, 401, 403, 429)},
            503: {
                "model": Problem,
                "description": "Its worker does not answer; Retry-After says when to ask again",
            },
        },
        openapi_extra={"security": [{"key": []}]},
    )
    return routes


async def profile(request: Request, id: str) -> Response:  # noqa: A002  # the name in the path
    """Return what is known of whom an id stands for; the key needs the scope `read`."""
    edge: Edge = request.app.state.edge
    profiles: Profiles = request.app.state.profiles
    key = edge.admit(secret_of(request), "read", request)
    if len(id) > _LONGEST_ID:
        raise Refusal(400, "invalid_id", f"an id has at most {_LONGEST_ID} characters")
    found = await profiles.find(id)
    edge.spent(key, 1)
    return Response(found, headers={"Cache-Control": "no-store"}, media_type="application/json")
