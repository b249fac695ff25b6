"""Health and metrics, for those who run the collector."""

from fastapi import APIRouter
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from collector.edge import Answered, Edge


def router() -> APIRouter:
    """Return the endpoints."""
    routes = APIRouter(tags=["Operations"])
    routes.add_api_route("/healthz", healthz, methods=["GET"], response_model=None)
    routes.add_api_route("/readyz", readyz, methods=["GET"], response_model=None)
    routes.add_api_route("/metrics", metrics, methods=["GET"], response_model=None)
    return routes


async def healthz() -> Response:
    """Tell that the process lives."""
    return Answered({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Tell whether events can be stored, and what fails."""
    edge: Edge = request.app.state.edge
    troubles = {"kafka": edge.delivery.trouble, "keys": edge.keyring.trouble, "vault": edge.vault_trouble}
    reasons = [f"{name}: {trouble}" for name, trouble in troubles.items() if trouble]
    return Answered({"ready": False, "reasons": reasons}, 503) if reasons else Answered({"ready": True})


async def metrics(request: Request) -> Response:
    """Return everything that is counted, as Prometheus reads it."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), media_type=content_type)
