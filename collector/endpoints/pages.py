"""The tracker for sites that have none."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

_TRACKER: Final = (Path(__file__).parents[1] / "pages" / "warmth.js").read_bytes()
_AN_HOUR: Final = {"Cache-Control": "public, max-age=3600"}


def router() -> APIRouter:
    """Return the endpoint."""
    routes = APIRouter(tags=["Pages"])
    routes.add_api_route("/warmth.js", tracker, methods=["GET"], response_model=None)
    return routes


async def tracker() -> Response:
    """Return the tracker; docs/sources/snippet.md says how a page uses it."""
    return Response(_TRACKER, media_type="text/javascript", headers=_AN_HOUR)
