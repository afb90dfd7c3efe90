"""A small API server over real sockets: what Turnout asks of one, by the rules of the real one.

Objects with versions and generations, server-side apply with field owners, subresources, lists in pages,
watches with bookmarks, a history that can be forgotten, the rules of a Role, and answers that go wrong.
"""

import asyncio
import copy
import json
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from aiohttp import web

Object = dict[str, Any]
PLAYED = "turnout-test"
PATHS = ("/api/{version}", "/apis/{group}/{version}")


class Fault(NamedTuple):
    """An answer that goes wrong. status 0: the connection breaks instead."""

    verb: str
    resource: str
    status: int
    retry_after: str = ""


class Change(NamedTuple):
    """Something that a watch tells."""

    version: int
    resource: str
    kind: str
    found: Object


class Place(NamedTuple):
    """What a request is about."""

    group: str
    resource: str
    name: str
    part: str


class KubeApi:
    """The state, and the handlers. `asked`: every (group, resource, verb); `rules`: what is allowed, None for
    everything."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.rules: set[tuple[str, str, str]] | None = None
        self.faults: deque[Fault] = deque()
        self.objects: dict[tuple[str, str], Object] = {}
        self.absent: set[str] = set()
        self.bookmarks = 0
        self.watched = 0
        self._owners: dict[tuple[str, str], dict[str, str]] = {}
        self._history: list[Change] = []
        self._version = 1
        self._oldest = 0
        self._moved = asyncio.Condition()
        self._broken = asyncio.Event()

    def application(self) -> web.Application:
        """Everything under its paths."""
        made = web.Application()
        for root in PATHS:
            path = root + "/namespaces/{namespace}/{resource}"
            made.router.add_route("*", path, self._answer)
            made.router.add_route("*", path + "/{name}", self._answer)
            made.router.add_route("*", path + "/{name}/{part}", self._answer)
        return made

    async def forget(self) -> None:
        """Forget the history, and end all watches: who comes back is told 410."""
        self._oldest = self._version = self._version + 1
        await self.disconnect()

    async def disconnect(self) -> None:
        """End all watches."""
        self._broken.set()
        self._broken = asyncio.Event()
        await self._tell()

    def owner(self, resource: str, name: str, field: str) -> str:
        """Who applied a field, as `spec.replicas`; empty if nobody did."""
        return self._owners.get((resource, name), {}).get(field, "")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        where = request.match_info
        at = Place(where.get("group", ""), where["resource"], where.get("name", ""), where.get("part", ""))
        verb = _verb(request, at)
        verbs = [verb]
        if verb == "patch" and not at.part and (at.resource, at.name) not in self.objects:
            verbs.append("create")
        # Whom tests play (kubelets, other people) have Roles of their own, and luck.
        for one in [] if PLAYED in request.headers else verbs:
            asked = (at.group, "/".join(filter(None, (at.resource, at.part))), one)
            self.asked.append(asked)
            if self.rules is not None and asked not in self.rules:
                return _failure(403, f"User cannot {one} resource {asked[1]!r}")
        if at.resource in self.absent:
            return _failure(404, "the server could not find the requested resource")
        fault = None if PLAYED in request.headers else self._fault(verb, at)
        if fault is not None:
            return await _wrong(request, fault)
        answer: web.StreamResponse = await getattr(self, f"_{verb}")(request, at)
        return answer

    def _fault(self, verb: str, at: Place) -> Fault | None:
        fault = next((one for one in self.faults if one.verb == verb and one.resource == at.resource), None)
        if fault is not None:
            self.faults.remove(fault)
        return fault

    async def _get(self, _request: web.Request, at: Place) -> web.Response:
        found = self.objects.get((at.resource, at.name))
        return web.json_response(found) if found else _failure(404, f"{at.resource} {at.name!r} not found")

    async def _list(self, request: web.Request, at: Place) -> web.Response:
        """Pages of two, so that going on is always tried."""
        wanted = request.query.get("labelSelector", "")
        found = [
            one for (of, _), one in sorted(self.objects.items()) if of == at.resource and _fits(one, wanted)
        ]
        start = int(request.query.get("continue", "0"))
        meta = {"resourceVersion": str(self._version)}
        if start + 2 < len(found):
            meta["continue"] = str(start + 2)
        bare = [{k: v for k, v in one.items() if k not in ("kind", "apiVersion")} for one in found]
        return web.json_response({"items": bare[start : start + 2], "metadata": meta})

    async def _watch(self, request: web.Request, at: Place) -> web.StreamResponse:
        seen = int(request.query["resourceVersion"])
        reply, broken = web.StreamResponse(), self._broken
        await reply.prepare(request)
        if seen < self._oldest:
            error = {"code": 410, "reason": "Expired", "message": f"too old resource version: {seen}"}
            await _send(reply, "ERROR", error)
            return reply
        self.watched += 1
        try:
            with suppress(ConnectionResetError):
                await self._follow(reply, request, at, seen, broken)
        finally:
            self.watched -= 1
        return reply

    async def _follow(
        self, reply: web.StreamResponse, request: web.Request, at: Place, seen: int, broken: asyncio.Event
    ) -> None:
        """Until the watcher leaves, or all are sent away."""
        while not broken.is_set():
            for change in [one for one in self._history if one.version > seen]:
                seen = change.version
                if change.resource == at.resource and _fits(
                    change.found, request.query.get("labelSelector", "")
                ):
                    await _send(reply, change.kind, change.found)
                else:
                    self.bookmarks += 1
                    await _send(reply, "BOOKMARK", {"metadata": {"resourceVersion": str(seen)}})
            async with self._moved:
                while not broken.is_set() and self._version <= seen:
                    await self._moved.wait()

    async def _create(self, request: web.Request, at: Place) -> web.Response:
        made = await request.json()
        return web.json_response(
            await self._put(at._replace(name=made["metadata"]["name"]), made), status=201
        )

    async def _patch(self, request: web.Request, at: Place) -> web.Response:
        given = json.loads(await request.text())
        before = self.objects.get((at.resource, at.name))
        if request.content_type == "application/apply-patch+yaml":
            return await self._apply(request, at, given, before)
        if before is None:
            return _failure(404, f"{at.resource} {at.name!r} not found")
        after = copy.deepcopy(before)
        _merge(after, given)
        return web.json_response(await self._put(at, after))

    async def _apply(
        self, request: web.Request, at: Place, given: Object, before: Object | None
    ) -> web.Response:
        manager, owners = request.query["fieldManager"], self._owners.setdefault((at.resource, at.name), {})
        leaves = dict(_leaves(given))
        taken = [one for one in leaves if owners.get(one, manager) != manager]
        if taken and request.query.get("force") != "true":
            return _failure(409, f"conflict with {owners[taken[0]]!r}: {taken[0]}")
        after = copy.deepcopy(before or {})
        for field in [one for one, owner in owners.items() if owner == manager and one not in leaves]:
            _cut(after, field)
            del owners[field]
        _merge(after, given)
        owners |= dict.fromkeys(leaves, manager)
        return web.json_response(await self._put(at, after))

    async def _delete(self, request: web.Request, at: Place) -> web.Response:
        found = self.objects.get((at.resource, at.name))
        if found is None:
            return _failure(404, f"{at.resource} {at.name!r} not found")
        wanted = (await request.json()).get("preconditions", {}).get("uid")
        if wanted not in (None, found["metadata"]["uid"]):
            return _failure(409, "the UID in the precondition does not match")
        del self.objects[at.resource, at.name]
        self._owners.pop((at.resource, at.name), None)
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)
        self._history.append(Change(self._version, at.resource, "DELETED", found))
        await self._tell()
        return web.json_response({"kind": "Status", "status": "Success"})

    async def _put(self, at: Place, after: Object) -> Object:
        before = self.objects.get((at.resource, at.name))
        if before == after:
            return before
        meta = after["metadata"]
        meta.setdefault("uid", str(uuid.uuid4()))
        if at.resource == "deployments":
            after["spec"].setdefault("replicas", 1)
        if before is None or before.get("spec") != after.get("spec"):
            meta["generation"] = meta.get("generation", 0) + 1
        self._version += 1
        meta["resourceVersion"] = str(self._version)
        self.objects[at.resource, at.name] = after
        kind = "ADDED" if before is None else "MODIFIED"
        self._history.append(Change(self._version, at.resource, kind, copy.deepcopy(after)))
        await self._tell()
        return after

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()


def _verb(request: web.Request, at: Place) -> str:
    if request.method == "GET" and not at.name:
        return "watch" if request.query.get("watch") == "true" else "list"
    return {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[request.method]


async def _wrong(request: web.Request, fault: Fault) -> web.Response:
    if fault.status == 0 and request.transport is not None:
        request.transport.abort()
    return _failure(fault.status or 500, "told to", fault.retry_after)


def _failure(code: int, message: str, retry_after: str = "") -> web.Response:
    headers = {"Retry-After": retry_after} if retry_after else {}
    status = {"kind": "Status", "status": "Failure", "code": code, "message": message}
    return web.json_response(status, status=code, headers=headers)


async def _send(reply: web.StreamResponse, kind: str, found: Mapping[str, Any]) -> None:
    await reply.write(json.dumps({"type": kind, "object": found}).encode() + b"\n")


def _fits(found: Object, selector: str) -> bool:
    labels = found["metadata"].get("labels") or {}
    return all(
        labels.get(one.partition("=")[0]) == one.partition("=")[2] for one in selector.split(",") if one
    )


def _merge(into: Object, given: Object) -> None:
    for name, value in given.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = copy.deepcopy(value)


def _leaves(given: Object, at: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{at}{name}.")
        else:
            yield f"{at}{name}", value


def _cut(from_: Object, field: str) -> None:
    *path, last = field.split(".")
    for name in path:
        from_ = from_.get(name, {})
    from_.pop(last, None)
