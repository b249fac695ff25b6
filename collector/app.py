"""The collector's application: its endpoints, its answers to what goes wrong, its OpenAPI description."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector import metrics
from collector.bodies import Limits, Refusal
from collector.delivery import Delivery
from collector.edge import Answered, Edge
from collector.endpoints import operations, pages, profiles as profiles_endpoint, segment, snowplow, tills
from collector.endpoints.descriptions import KEY
from collector.intake import Intake
from collector.keys import Keyring, Rates
from collector.profiles import Profiles
from collector.settings import CollectorSettings
from core.gate import Gate
from streams.rules_files import identifiers_of, read_plan
from streams.settings import StreamSettings
from streams.vault.covering import Covering
from streams.vault.vault import vault_of

_PREFLIGHT_SECS = 86_400


def make_app(settings: CollectorSettings, streams: StreamSettings) -> FastAPI:
    """Return the application; it connects to Kafka once it is started.

    Raises:
        KeysError: The file of keys can not be used.
        RulesError: The tracking plan or the rules of ids can not be used.
        VaultError: The keys of people's data can not be had.
    """
    limits = Limits(
        settings.collector_body_max_bytes,
        settings.collector_unpacked_max_bytes,
        settings.collector_event_max_bytes,
        settings.collector_max_depth,
    )
    plan = read_plan(streams.rules_dir)
    ids = identifiers_of(streams)
    intake = Intake(Gate(ids, plan, streams.event_max_bytes), limits)
    vault = vault_of(streams)
    covering = Covering(vault)
    keyring, rates = Keyring(settings.collector_keys_file), Rates(settings.collector_events_per_sec)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        delivery = Delivery(
            streams.kafka_bootstrap, streams.partitions, settings.collector_ack_secs, settings.collector_pending_max_bytes
        )
        app.state.edge = Edge(keyring, rates, limits, intake, covering, delivery)
        app.state.profiles = profiles = Profiles(streams, ids)
        running = [asyncio.create_task(delivery.run()), asyncio.create_task(profiles.run())]
        yield
        for task in running:
            task.cancel()
        await profiles.close()
        vault.close()

    app = FastAPI(title="Warmth collector", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    routers = [wire_format.router(settings.collector_currency, plan) for wire_format in (segment, snowplow)]
    routers += [tills.router(), profiles_endpoint.router(), pages.router(), operations.router()]
    for router in routers:
        app.include_router(router)
    app.openapi()["components"]["securitySchemes"] = KEY
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _not_found)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    app.add_middleware(_Shortcut, routes={route.path: route for route in routes if "POST" in (route.methods or ())})
    app.add_middleware(
        CORSMiddleware,
        allow_origin_regex=".*",
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        allow_credentials=True,
        max_age=_PREFLIGHT_SECS,
    )
    app.add_middleware(_Counted)
    return app


class _Shortcut:
    """Answers posts at known paths past the framework's routing, dependencies and validation, which they have no use for.

    A slash at the end makes no difference: some clients write one, and not all of them follow a redirection.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[str, APIRoute]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        route = self._routes.get(scope["path"].rstrip("/")) if is_post else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response = await route.endpoint(request)
        except Refusal as refusal:
            response = await _refused(request, refusal)
        await response(scope, receive, send)


async def _refused(_request: Request, error: Exception) -> Response:
    refusal = error if isinstance(error, Refusal) else Refusal(500, "internal", "something went wrong")
    headers = {"Retry-After": str(refusal.retry_after_secs)} if refusal.retry_after_secs else None
    return Answered({"code": refusal.code, "message": refusal.message}, refusal.status, headers)


async def _not_found(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return Answered({"code": "not_found" if status == 404 else "not_allowed", "message": str(error)[:200]}, status)


class _Counted:
    """Counts requests by route and status; plain ASGI, without a task and a queue for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.REQUESTS.labels(getattr(scope.get("route"), "path", "other"), message["status"]).inc()
            await send(message)

        await self._app(scope, receive, send_and_count if scope["type"] == "http" else send)
