"""How a chat server says what it has to say: at once or word by word, and every word counted."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from tests.models.chat_server import ChatServer, completion
from tests.models.speech import Speech


async def utter(
    request: web.Request, body: Mapping[str, Any], message: Mapping[str, Any]
) -> web.StreamResponse:
    """The message as the answer to the request."""
    words = (message["content"] or "").split(" ")
    if body.get("stream"):
        return await Speech([word + " " for word in words])(request, dict(body))
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    read = sum(len(each["content"].split()) for each in body["messages"])
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return web.json_response(completion(body, choice, read, len(words)))


class Reader:
    """A model of one's own to try the reference with: it knows the capital of France, which is all that the
    page asks about, and does what it is told."""

    def __init__(self, server: ChatServer) -> None:
        self._server = server

    async def serve(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if request.path.endswith("/embeddings"):
            return await self._server.embed(request, body)
        asked = body["messages"][-1]["content"]
        told = " ".join(message["content"] for message in body["messages"] if message["role"] == "system")
        return await utter(request, body, {"role": "assistant", "content": self._says(told, asked)})

    def _says(self, told: str, asked: str) -> str:
        if "audit" in told:
            return json.dumps({"accept": "Paris" in asked, "reason": "It is Paris."})
        if "compare" in told:
            return json.dumps({"best": 1, "reason": "It is right."})
        if "JSON" in told:
            return json.dumps({"city": "Paris", "country": "France"})
        return "Paris." if "brief" in told else "The capital of France is Paris."
