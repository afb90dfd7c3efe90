"""MLflow's registry by its REST API, version 2.0: registered models, their versions and their aliases."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Signature

from services.router.registries.errors import unusable
from services.router.registries.fetching import Fetcher
from services.router.registries.listing import Registered, Version
from services.router.registries.signatures import signature_of_run

API = "/api/2.0/mlflow/"
PAGE = 100
MOST_MODELS = 1000
# Of one registered model; an alias further back than this is a slip.
MOST_VERSIONS = 1000
# A request for each model: one after the other, hundreds would take too long.
AT_ONCE = 8
# Prompts live in the same registry.
PROMPT = "mlflow.prompt.is_prompt"


class Mlflow:
    """Raises RegistryUnavailable and RegistryUnusable."""

    def __init__(self, fetch: Fetcher) -> None:
        self._fetch = fetch

    async def models(self, prefix: str, which: rpc.ImportVersions) -> Sequence[Registered]:
        """By name. A name that the registry's filters cannot spell has no versions."""
        query = {"max_results": str(PAGE)}
        if prefix and not set("'\"\\") & set(prefix):
            query["filter"] = f"name LIKE '{prefix}%'"
        found = []
        async for told in self._pages("registered-models/search", "registered_models", query):
            name, tags = _text(told, "name"), _tags(told)
            if name.startswith(prefix) and tags.get(PROMPT, "").lower() != "true":
                found.append((name, tags, _aliases(told)))
                if len(found) > MOST_MODELS:
                    raise unusable(f"more than {MOST_MODELS} models begin with it: narrow it", "prefix")
        found.sort(key=lambda one: one[0])
        turns = asyncio.Semaphore(AT_ONCE)

        async def versions(name: str, tags: Mapping[str, str], aliases: Mapping[str, str]) -> Registered:
            async with turns:
                return await self._registered(name, tags, aliases, which)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(versions(*one)) for one in found]
        except BaseExceptionGroup as several:
            # One tells enough: the others are most likely of the same cause.
            raise _first(several) from None
        return [task.result() for task in tasks]

    async def signature(self, version: Version) -> tuple[Signature | None, str]:
        """Clients of MLflow 2 note it with the run; those of MLflow 3 write it to the files alone."""
        if not version.run:
            return None, "no run is named that could tell its signature"
        told = await self._fetch.get(API + "runs/get", {"run_id": version.run})
        data = told.get("run", {})
        return signature_of_run(_tags(data.get("data", {}) if isinstance(data, dict) else {}), version.source)

    async def _registered(
        self,
        name: str,
        tags: Mapping[str, str],
        aliases: Mapping[str, str],
        which: rpc.ImportVersions,
    ) -> Registered:
        wanted = set(aliases.values())
        if which == rpc.IMPORT_VERSIONS_ALL:
            found = await self._versions(name, None)
        elif which == rpc.IMPORT_VERSIONS_LATEST:
            return Registered(name, tags, aliases, (await self._versions(name, (), PAGE))[:1])
        else:
            found = await self._versions(name, wanted) if wanted else []
            found = [one for one in found if one.version in wanted]
        absent = sorted(wanted - {one.version for one in found})
        return Registered(name, tags, aliases, found, absent)

    async def _versions(
        self, name: str, wanted: Collection[str] | None, most: int = MOST_VERSIONS
    ) -> list[Version]:
        """The newest first: all of them (None), or as far as those that are wanted have been seen."""
        quote = '"' if "'" in name else "'"
        if quote in name:
            return []
        query = {
            "filter": f"name={quote}{name}{quote}",
            "order_by": "version_number DESC",
            "max_results": str(PAGE),
        }
        found: list[Version] = []
        left = None if wanted is None else set(wanted)
        async for told in self._pages("model-versions/search", "model_versions", query):
            one = _version(told)
            if one.name != name:
                raise unusable(f"asked for versions of {name[:100]!r}, it sent one of {one.name[:100]!r}")
            found.append(one)
            if left is not None:
                left.discard(one.version)
                if not left:
                    break
            if len(found) >= most:
                if wanted is None:
                    raise unusable(
                        f"{name} has more than {most} versions: import ALIASED or LATEST", "versions"
                    )
                break
        return found

    async def _pages(self, path: str, field: str, query: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        token, seen = "", set[str]()
        while True:
            page = await self._fetch.get(API + path, {**query, "page_token": token} if token else query)
            for one in _list(page, field):
                if not isinstance(one, dict):
                    raise unusable(f"{field} of {path} holds what is no object")
                yield one
            token = _text(page, "next_page_token", required=False)
            if not token:
                return
            if token in seen:
                raise unusable(f"{path} leads in a circle: it gave a page token twice")
            seen.add(token)


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    one = several.exceptions[0]
    return _first(one) if isinstance(one, BaseExceptionGroup) else one


def _version(told: Mapping[str, Any]) -> Version:
    status = _text(told, "status", required=False) or "READY"
    return Version(
        _text(told, "name"),
        _text(told, "version"),
        _tags(told),
        _text(told, "run_id", required=False),
        _text(told, "source", required=False),
        "" if status == "READY" else f"its status is {status[:100]}",
    )


def _tags(told: Mapping[str, Any]) -> dict[str, str]:
    return _pairs(told, "tags", "key", "value")


def _aliases(told: Mapping[str, Any]) -> dict[str, str]:
    return _pairs(told, "aliases", "alias", "version")


def _pairs(told: Mapping[str, Any], field: str, key: str, value: str) -> dict[str, str]:
    pairs = {}
    for one in _list(told, field):
        if not isinstance(one, dict):
            raise unusable(f"{field} holds what is no object")
        pairs[_text(one, key)] = _text(one, value, required=False)
    return pairs


def _list(told: Mapping[str, Any], field: str) -> list[Any]:
    found = told.get(field, [])
    if not isinstance(found, list):
        raise unusable(f"{field} is no list")
    return found


def _text(told: Mapping[str, Any], field: str, *, required: bool = True) -> str:
    found = told.get(field, "")
    # Databricks and older servers send version numbers as numbers.
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or (required and not found):
        raise unusable(f"{field} is missing, or no text: is this an MLflow server?")
    return found
