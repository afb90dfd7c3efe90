"""The objects of a suite as they are in the cluster: listed once, then followed; listed again if need be."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from typing import Any

from services.deploy.errors import ApiError, Gone, Trouble
from services.deploy.kinds import Kind
from services.deploy.rollout.patience import pause
from services.deploy.server import ApiServer, Object
from services.foundation.logs import log


class Seen:
    """The objects of one kind by name. `listed`: whether they have been read at all."""

    def __init__(self) -> None:
        self.listed = asyncio.Event()
        self._objects: dict[str, Object] = {}

    def __iter__(self) -> Iterator[Object]:
        return iter(list(self._objects.values()))

    def get(self, name: str) -> Object | None:
        """One of them."""
        return self._objects.get(name)

    def put(self, found: Object) -> None:
        """Take in a state of an object, unless a later one is known."""
        name = found["metadata"]["name"]
        before = self._objects.get(name)
        if (
            before is None
            or before["metadata"].get("uid") != found["metadata"].get("uid")
            or _later(found, before)
        ):
            self._objects[name] = found

    def drop(self, name: str) -> None:
        """It is gone."""
        self._objects.pop(name, None)

    def replace(self, found: Iterable[Object]) -> None:
        """These and no others."""
        self._objects = {one["metadata"]["name"]: one for one in found}
        self.listed.set()


class Watcher:
    """Keeps `seen` in step with the cluster, and calls `changed` after each change. Run `run()` in the
    background."""

    def __init__(
        self,
        server: ApiServer,
        kind: Kind,
        namespace: str,
        labels: str,
        changed: Callable[[], None],
        rng: random.Random,
    ) -> None:
        self.seen = Seen()
        self.trouble = ""
        self._server = server
        self._kind = kind
        self._of = (namespace, labels)
        self._changed = changed
        self._rng = rng

    async def run(self) -> None:
        """Follow until cancelled."""
        failures = 0
        version = ""
        while True:
            try:
                version = version or await self._list()
                async with aclosing(self._server.watch(self._kind, *self._of, version)) as events:
                    async for event in events:
                        version, failures = self._take(event) or version, 0
                self.trouble = ""
            except ApiError as error:
                failures += 1
                # What happened since is no longer known to the server: only the whole is.
                version = "" if isinstance(error, Gone) else version
                await self._wait(error, failures)
            except Exception as defect:  # noqa: BLE001 - nobody would look after pods any more
                failures += 1
                log.exception("a defect: objects are not followed", kind=self._kind.name)
                await self._wait(Trouble(f"a defect: {type(defect).__name__}"), failures)

    async def _list(self) -> str:
        found, version = await self._server.list(self._kind, *self._of)
        self.seen.replace(found)
        self.trouble = ""
        self._changed()
        return version

    def _take(self, event: Object) -> str:
        """Take an event in. Returns the version to go on from."""
        found: dict[str, Any] = event["object"]
        if event["type"] == "DELETED":
            self.seen.drop(found["metadata"]["name"])
        elif event["type"] != "BOOKMARK":
            self.seen.put(found)
        if event["type"] != "BOOKMARK":
            self._changed()
        return str(found["metadata"].get("resourceVersion", ""))

    async def _wait(self, error: ApiError, failures: int) -> None:
        if not self.trouble and not isinstance(error, Gone):
            log.warning("objects are not followed now", kind=self._kind.name, said=str(error))
        self.trouble = "" if isinstance(error, Gone) else str(error)
        asked = error.retry_after if isinstance(error, Trouble) else None
        await asyncio.sleep(pause(failures, asked, self._rng.random()))


def _later(one: Object, other: Object) -> bool:
    """Whether one state of an object is no older than another. Versions are compared for being equal only, as
    the API has it; the generation is a number, and grows with the specification."""
    return bool(one["metadata"].get("generation", 0) >= other["metadata"].get("generation", 0))
