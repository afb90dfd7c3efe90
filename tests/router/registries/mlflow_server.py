"""A small registry that speaks MLflow's REST API over HTTP, in pages, and misbehaves when it is told to."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Behaviour = Callable[[web.Request], Awaitable[web.StreamResponse]]
API = "/api/2.0/mlflow/"


class MlflowServer:
    """`models` by name, as the API shows them, and `runs` with their tags. `behave` replaces all answers; a
    page has at most `page` of them."""

    def __init__(self) -> None:
        self.host = ""
        self.page = 2
        self.models: dict[str, dict[str, Any]] = {}
        self.versions: list[dict[str, Any]] = []
        self.runs: dict[str, dict[str, str]] = {}
        self.behave: Behaviour | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: dict[str, str] = {}

    @property
    def uri(self) -> str:
        return f"mlflow+http://{self.host}"

    def add(self, name: str, version: str = "1", aliases: tuple[str, ...] = (), **more: Any) -> None:
        """A version; `tags` as a dict."""
        model = self.models.setdefault(name, {"name": name, "aliases": []})
        for alias in aliases:
            self.alias(name, alias, version)
        tags = [{"key": key, "value": value} for key, value in more.pop("tags", {}).items()]
        self.versions.append(
            {"name": model["name"], "version": version, "status": "READY", "tags": tags, **more}
        )

    def alias(self, name: str, alias: str, version: str) -> None:
        """Give an alias to a version."""
        held = [one for one in self.models[name]["aliases"] if one["alias"] != alias]
        self.models[name]["aliases"] = [*held, {"alias": alias, "version": version}]

    def answering(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer everything with this."""

        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(body=body, status=status, headers=headers)

        self.behave = answer

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """As MLflow does."""
        method = request.path.removeprefix(API)
        self.asked.append((method, dict(request.query)))
        self.headers = dict(request.headers)
        if self.behave is not None:
            return await self.behave(request)
        if method == "registered-models/search":
            return self._paged(
                "registered_models", [self.models[name] for name in sorted(self.models)], request
            )
        if method == "model-versions/search":
            name = request.query["filter"].removeprefix("name=")[1:-1]
            found = [one for one in self.versions if one["name"] == name]
            found.sort(key=lambda one: -int(one["version"]))
            return self._paged("model_versions", found, request)
        if method == "runs/get" and (run := request.query["run_id"]) in self.runs:
            tags = [{"key": key, "value": value} for key, value in self.runs[run].items()]
            return web.json_response({"run": {"data": {"tags": tags}}})
        error = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"no {request.path_qs}"}
        return web.json_response(error, status=404)

    def _paged(self, field: str, found: list[Any], request: web.Request) -> web.Response:
        start = int(request.query.get("page_token", "0"))
        end = start + self.page
        page: dict[str, Any] = {field: found[start:end]} if found else {}
        if end < len(found):
            page["next_page_token"] = str(end)
        return web.json_response(page)


@asynccontextmanager
async def mlflow_server() -> AsyncIterator[MlflowServer]:
    """Serve on a free port of loopback."""
    server = MlflowServer()
    app = web.Application()
    app.add_routes([web.get("/{anything:.*}", server.answer)])
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.host = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def history(path: str, *columns: dict[str, Any]) -> dict[str, str]:
    """The tags of a run that logged a model with a signature, as clients of MLflow 2 write them."""
    logged = {"artifact_path": path, "signature": {"inputs": json.dumps(columns), "outputs": None}}
    return {"mlflow.log-model.history": json.dumps([logged])}
