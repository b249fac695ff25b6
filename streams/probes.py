"""Answers `/healthz`, `/readyz` and `/metrics` from threads of its own, whatever the event loop does."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import orjson
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from streams.health import Health


class Answer(NamedTuple):
    """What a path is answered with."""

    status: int
    content_type: str
    body: bytes


def answer(health: Health, path: str, accept: str = "") -> Answer:
    """Return the answer to a GET.

    Args:
        health: Whom it asks.
        path: Path, without a query.
        accept: The `Accept` header; Prometheus names the formats that it reads.
    """
    if path == "/healthz":
        hang = health.hang()
        return _json_answer(503, {"status": "hung", "reason": hang}) if hang else _json_answer(200, {"status": "ok"})
    if path == "/readyz":
        reasons = health.reasons()
        return _json_answer(503, {"ready": False, "reasons": reasons}) if reasons else _json_answer(200, {"ready": True})
    if path == "/metrics":
        encode, content_type = choose_encoder(accept)
        return Answer(200, content_type, encode(REGISTRY))
    return _json_answer(404, {"error": "there are /healthz, /readyz and /metrics"})


def _json_answer(status: int, document: dict[str, Any]) -> Answer:
    """Return a JSON answer."""
    return Answer(status, "application/json", orjson.dumps(document))


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60.0

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without one."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        status, content_type, body = answer(self.server.health, self.path.split("?")[0], self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base's name
        """Say nothing: somebody asks every few seconds."""


class _Server(ThreadingHTTPServer):
    def __init__(self, host: str, port: int, health: Health) -> None:
        self.health = health
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        super().__init__((host, port), _Handler)


def serve(health: Health, host: str, port: int) -> None:
    """Answer from now on until the process ends."""
    server = _Server(host, port, health)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
