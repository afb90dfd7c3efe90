"""Ways in which an OpenAI-compatible server goes wrong."""

import json
from typing import Any

from aiohttp import web

from tests.models.chat_server import Behaviour

LATER = {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}


def limited(**headers: str) -> Behaviour:
    """429, with a Retry-After or whatever headers say when to come again; `_` stands for a hyphen."""

    async def refuse(_request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(LATER, status=429, headers=told)

    return refuse


def text(said: str) -> Behaviour:
    """200 and this text, which says that it is JSON."""

    async def answer(_request: web.Request, _body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(text=said, content_type="application/json")

    return answer


async def truncated(request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    """A reply that promises more than it brings before the connection goes away."""
    said = json.dumps({"choices": [{"message": {"content": "half of"}}], "model": body["model"]}).encode()
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = 2 * len(said)
    await response.prepare(request)
    await response.write(said)
    assert request.transport is not None
    request.transport.abort()
    return response
