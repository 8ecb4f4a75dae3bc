"""Bodies of requests, read with the limits that files have; what cannot be read is a field that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from regional_dispatch.envs.world.errors import ScenarioError
from regional_dispatch.envs.world.reading import parse_json


class _Request(Request):
    async def json(self) -> Any:
        """As Starlette does, with limits on depth, values and digits, and no key twice."""
        body = await self.body()
        try:
            return parse_json(body.decode(), "body")
        except (ScenarioError, UnicodeDecodeError) as error:
            said = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error).removeprefix("body: ")
            raise json.JSONDecodeError(said, "", 0) from None  # which FastAPI answers with 422


class BoundedRoute(APIRoute):
    """A route whose bodies have limits."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI's own."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            checked = _Request(request.scope, request.receive)
            if request.method == "POST":
                await checked.body()  # here, as FastAPI answers 400 to whatever goes wrong while it reads one
            return await handle(checked)

        return bounded
