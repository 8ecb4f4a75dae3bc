"""Runs a service under uvicorn."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

import uvicorn

import regional_dispatch
from regional_dispatch.service.errors import ServiceError
from regional_dispatch.service.http.app import make_app
from regional_dispatch.service.http.guard import Guard
from regional_dispatch.service.http.service import Service
from regional_dispatch.service.metrics import Metrics
from regional_dispatch.service.opening import Settings

SHORTEST_TOKEN = 16
_SWITCH_SECONDS = 0.001  # the longest that requests wait for a thread that writes a snapshot


@dataclass(frozen=True)
class Door:
    """Where and for whom the service is open.

    Args:
        host: address to listen on.
        port: to listen on; 0, a free one.
        token: that requests must bring; None, none is asked for, which only a loopback address allows.
        most_bytes: of a request's body.
        most_per_second: requests of one client address.
        stop_seconds: requests under way have to end once it is told to stop.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    most_bytes: int = 1_000_000
    most_per_second: float = 5000.0
    stop_seconds: int = 10


def check_door(door: Door) -> None:
    """Refuses to be open to others without a token.

    Raises:
        ServiceError: no token, or too short a one.
    """
    if door.token is not None and len(door.token) < SHORTEST_TOKEN:
        raise ServiceError(
            f"the token has {len(door.token)} characters; use {SHORTEST_TOKEN} or more, such as from "
            '`python -c "import secrets; print(secrets.token_urlsafe())"`'
        )
    if door.token is None and not _is_loopback(door.host):
        raise ServiceError(
            f"--host {door.host}: anyone who reaches it could send orders; give --token-file, or listen on 127.0.0.1"
        )


def serve(settings: Settings, door: Door) -> None:
    """Serves until SIGTERM or SIGINT.

    Raises:
        ServiceError: it could not start.
    """
    check_door(door)
    sys.setswitchinterval(_SWITCH_SECONDS)
    metrics = Metrics()
    service = Service(settings, metrics)
    guarded = Guard(
        make_app(service, regional_dispatch.__version__), metrics, door.token, door.most_bytes, door.most_per_second
    )
    config = uvicorn.Config(
        guarded, host=door.host, port=door.port, loop="auto", http="httptools", ws="none", lifespan="on",
        access_log=False, log_level="warning", server_header=False, timeout_graceful_shutdown=door.stop_seconds,
        limit_concurrency=1000, backlog=2048,
    )  # fmt: skip
    server = uvicorn.Server(config)
    service.stop = lambda: setattr(server, "should_exit", True)
    with suppress(KeyboardInterrupt):  # uvicorn raises once more what stopped it, after it has stopped in order
        server.run()
    if service.error is not None:
        raise service.error
    if service.failed:
        raise ServiceError(service.words)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
