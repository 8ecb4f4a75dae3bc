"""The endpoints."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from regional_dispatch.envs.world.reading import plain
from regional_dispatch.service.engine import Answer, Engine
from regional_dispatch.service.errors import UNKNOWN, RefusedError
from regional_dispatch.service.http import answers as shape
from regional_dispatch.service.http.body import BoundedRoute
from regional_dispatch.service.http.guard import TooLargeError
from regional_dispatch.service.http.service import Service
from regional_dispatch.service.live.events import describe
from regional_dispatch.service.live.network import ROW
from regional_dispatch.service.messages import Batch, Events, Order

_EVENTS_AT_ONCE = 4  # of a long list; orders at the click are decided in between
_LONGEST_SHOWN = 300  # characters
REPEATED = {"repeated": "true"}  # header of an answer that was given before
_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": shape.ErrorAnswer, "description": "No token, or the wrong one."},
    409: {"model": shape.ErrorAnswer, "description": "Another request had this name, or events out of order."},
    413: {"model": shape.ErrorAnswer, "description": "The body is too large."},
    422: {"model": shape.ErrorAnswer, "description": "A field cannot be used; nothing was done."},
    429: {"model": shape.ErrorAnswer, "description": "Too many requests."},
    503: {"model": shape.ErrorAnswer, "description": "The state is being loaded, or the service is stopping."},
}

router = APIRouter(responses=_REFUSALS, route_class=BoundedRoute)


def make_app(service: Service, version: str) -> FastAPI:
    """The application of a service that loads its state while it already answers `/health`."""
    app = FastAPI(
        title="regional-dispatch", version=version, summary="Source for an order at the click, go or hold for lanes.",
        lifespan=service.lifespan, docs_url=None, redoc_url=None,
    )  # fmt: skip
    app.state.service = service
    app.include_router(router)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(NotReadyError, _not_ready)
    app.add_exception_handler(TooLargeError, _too_large)
    return app


class NotReadyError(RuntimeError):
    """The state is not loaded, or the log cannot be written."""


def _engine(request: Request) -> Engine:
    service: Service = request.app.state.service
    if not service.ready or service.engine is None:
        raise NotReadyError(service.words)
    return service.engine


# ------------------------------------------------------------------------------------------------------------- orders


@router.post("/orders", response_model=shape.OrderAnswer, tags=["orders"])
async def source_order(order: Order, request: Request) -> Response:
    """Where each line of an order is served from. The units are reserved."""
    answer = _engine(request).source([order])[0]
    await answer.on_disk
    return Response(answer.body, media_type="application/json", headers=REPEATED if answer.repeated else None)


@router.post("/orders/batch", response_model=shape.BatchAnswer, tags=["orders"])
async def source_batch(batch: Batch, request: Request) -> Response:
    """The same for several orders, decided together: all see the same shelves and queues."""
    answers = _engine(request).source(batch.orders, "orders")
    await asyncio.gather(*(answer.on_disk for answer in answers))
    return Response(
        b'{"orders":[' + b",".join(answer.body for answer in answers) + b"]}", media_type="application/json"
    )


@router.get("/orders/{order}", response_model=shape.WhereAnswer, tags=["orders"])
async def find_order(order: str, request: Request) -> dict[str, Any]:
    """Where the packages of an order are."""
    live = _engine(request).live
    names = live.where.orders.get(order)
    if names is None:
        raise RefusedError("order", order, "no package of it is under way", "it may be delivered or unknown", UNKNOWN)
    packages = [live.where.packages[name] for name in names]
    return {
        "order": order,
        "packages": [
            {"package": p.name, "place": p.place, "words": describe(live, p), "route": live.answers.route(p.route)}
            for p in packages
        ],
    }


# ------------------------------------------------------------------------------------------------------------- events


@router.post("/events", response_model=shape.EventsAnswer, tags=["events"])
async def apply_events(events: Events, request: Request) -> Response:
    """What happened. Events are applied in the order sent; one that is refused ends the request."""
    engine, done = _engine(request), list[Answer]()
    for i, event in enumerate(events.events):
        if i % _EVENTS_AT_ONCE == _EVENTS_AT_ONCE - 1:
            await asyncio.sleep(0)
        try:
            done.append(engine.tell(event))
        except RefusedError as error:
            await _all_on_disk(done)
            content = {"error": error.within(f"events.{i}").body(), "applied": i}
            return JSONResponse(content, error.status)
    await _all_on_disk(done)
    return Response(b'{"events":[' + b",".join(answer.body for answer in done) + b"]}", media_type="application/json")


async def _all_on_disk(answers: Sequence[Answer]) -> None:
    await asyncio.gather(*(answer.on_disk for answer in answers))


# -------------------------------------------------------------------------------------------------------------- lanes


@router.get("/lanes/decisions", response_model=shape.LanesAnswer, tags=["lanes"])
async def decide_lanes(request: Request, origin: str | None = None) -> Response:
    """Go or hold for every lane with packages, or for those from one site. Nothing leaves: send truck_departed."""
    engine = _engine(request)
    if origin is not None:
        engine.live.names.site.number(origin, "origin")
    found = engine.lanes()
    lanes = [lane for lane in found["lanes"] if origin in (None, lane["origin"])]
    return JSONResponse({**found, "lanes": lanes})


@router.get("/stock/{sku}", response_model=shape.StockAnswer, tags=["events"])
async def find_stock(sku: str, request: Request) -> dict[str, Any]:
    """Units of a SKU on hand, by fulfillment center."""
    live = _engine(request).live
    shelf = live.sim.state.stock[ROW, live.names.sku.number(sku, "sku")].tolist()
    return {"sku": sku, "on_hand": {live.names.sites[fc]: units for fc, units in enumerate(shelf) if units}}


# ------------------------------------------------------------------------------------------------------------- health


@router.get("/health/live", tags=["health"])
async def live(request: Request) -> JSONResponse:
    """200 while the process runs and its log can be written."""
    service: Service = request.app.state.service
    return JSONResponse({"status": service.words}, 503 if service.failed else 200)


@router.get("/health/ready", tags=["health"])
async def ready(request: Request) -> JSONResponse:
    """200 once the state is loaded."""
    service: Service = request.app.state.service
    return JSONResponse({"status": service.words}, 200 if service.ready else 503)


@router.get("/metrics", tags=["health"])
async def metrics(request: Request) -> Response:
    """Latency, counts and the state's age, for Prometheus."""
    service: Service = request.app.state.service
    service.refresh_metrics()
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


# ------------------------------------------------------------------------------------------------------------- errors


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"error": error.body()}, error.status)


async def _invalid(request: Request, error: Exception) -> Response:
    """A body that is no such message: the first thing wrong with it, in the same form."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    problem = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "json_invalid":
        path, problem = [], f"the body: {first['ctx']['error']}"
    mend = "correct it; /openapi.json has every field with its bounds and an example"
    shown = {"field": ".".join(path), "value": first.get("input"), "problem": problem}
    return JSONResponse({"error": {**{name: _short(value) for name, value in shown.items()}, "mend": mend}}, 422)


def _short(value: Any) -> Any:
    """A value that JSON can hold and a terminal can show; long ones are cut, lists and groups left out."""
    if isinstance(value, str):
        return plain(value)[:_LONGEST_SHOWN]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, int | float | bool | None) else None


async def _too_large(request: Request, error: Exception) -> Response:
    body = {
        "field": None,
        "value": None,
        "problem": "the body is too large",
        "mend": "send fewer orders or events at once",
    }
    return JSONResponse({"error": body}, 413, headers={"connection": "close"})


async def _not_ready(request: Request, error: Exception) -> Response:
    body = {"field": None, "value": None, "problem": str(error), "mend": "send it again when /health/ready says 200"}
    return JSONResponse({"error": body}, 503, headers={"retry-after": "2"})
