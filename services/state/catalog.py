"""Every router and model in memory, as they change: what replicas decide from."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple

from google.protobuf.message import Message
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.logs import log
from services.state import keys
from services.state.alias_table import AliasTable
from services.state.connection import BLOCK_SECONDS, Connections
from services.state.errors import StateUnavailable
from services.state.kinds import KINDS, M
from services.state.name_index import NameIndex
from services.state.positions import START, order
from services.state.shelf import Shelf
from services.state.waits import Waits

# The change stream tells within milliseconds; this finds what it did not tell: a writer may die in between.
RECONCILE_SECONDS = 60.0
CHANGES_AT_ONCE = 500
# How the change stream calls a change of the table, beside the kinds of resources.
ALIASES = "aliases"

OnChange = Callable[[str, str, Any], None]


class Resources(Generic[M]):
    """The live resources of one kind; softly deleted ones are not among them. Read only."""

    def __init__(self) -> None:
        self.by_uid: dict[str, M] = {}
        self.by_name: dict[str, M] = {}

    def put(self, message: M) -> None:
        """Take in a resource's newest state."""
        self.by_uid[message.uid] = self.by_name[message.name] = message

    def drop(self, uid: str) -> bool:
        """Forget a resource. Returns whether it was there."""
        former = self.by_uid.pop(uid, None)
        # The name may be another's by now.
        if former is not None and self.by_name[former.name].uid == uid:
            del self.by_name[former.name]
        return former is not None


class Change(NamedTuple):
    """An entry of the change stream."""

    position: str
    kind: str
    uid: str


class CatalogFollower:
    """Keeps `routers`, `models` and `aliases` (name of the model by `{base}@{alias}`) as they are in Redis,
    within milliseconds; when it is away, as they were.

    `on_change(kind, uid, message)` is called in order for each new state, with None when a resource is gone;
    `ready` is set once everything has been loaded. `unreadable` has what this version cannot read, by uid:
    its former state stays; `refused` what `on_change` raised for. Run `run()` in the background.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        rng: random.Random,
        on_change: OnChange | None = None,
        reconcile_seconds: float = RECONCILE_SECONDS,
    ) -> None:
        self._redis = connections.steady
        self._blocking = connections.blocking
        self._rng = rng
        self._listeners = [on_change] if on_change else []
        self._reconcile_seconds = reconcile_seconds
        self._shelves: dict[str, Shelf[Any]] = {
            name: Shelf(connections, kind) for name, kind in KINDS.items()
        }
        self._names = {name: NameIndex(connections, name) for name in KINDS}
        self._aliases = AliasTable(connections)
        self._moved = asyncio.Condition()
        self._followed = float("-inf")
        self.aliases: Mapping[str, str] = {}
        self.routers: Resources[Router] = Resources()
        self.models: Resources[Model] = Resources()
        # Models before the routers that name them.
        self._resources: dict[str, Resources[Any]] = {"models": self.models, "routers": self.routers}
        # Reading and taking in is one step: what is read first must not be taken in last.
        self._turn = asyncio.Lock()
        self.position = START
        self.ready = asyncio.Event()
        self.unreadable: dict[str, Exception] = {}
        self.refused: dict[str, Exception] = {}

    def listen(self, listener: OnChange) -> None:
        """Tell one more of changes, after those who were told before."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow until cancelled."""
        waits = Waits(self._rng)
        while True:
            try:
                await self.reconcile()
                waits.reset()
                await self._follow()
            except StateUnavailable as error:
                if not waits.waiting:
                    log.warning("the catalog is not followed now", cause=error.facts.get("cause"))
                await asyncio.sleep(waits.next())

    async def reconcile(self) -> None:
        """Read whatever differs from memory. Raises StateUnavailable."""
        async with self._turn:
            await self._reconcile()

    async def _reconcile(self) -> None:
        # Before reading: what changes meanwhile is then read twice rather than missed.
        newest = await self._redis.xrevrange(keys.catalog_changes(), count=1)
        self.aliases = await self._aliases.all()
        for kind, resources in self._resources.items():
            uids = list((await self._names[kind].all()).values())
            etags = await self._shelves[kind].etags(uids)
            differing = [uid for uid in uids if not _same(resources.by_uid.get(uid), etags[uid])]
            # The gone first: a name may have passed from one of them to one of the others.
            await self._refresh(kind, [*(resources.by_uid.keys() - set(uids)), *differing])
        await self._move_to(newest[0][0].decode() if newest else START)
        self._followed = time.monotonic()
        self.ready.set()

    @property
    def lag(self) -> float:
        """Seconds since it last heard from Redis; infinite before it first has."""
        return time.monotonic() - self._followed

    async def wait_for(self, position: str, seconds: float) -> bool:
        """Wait until the change at `position` is in memory, at most `seconds`. Returns whether it is."""
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: order(self.position) >= order(position))
        except TimeoutError:
            return False
        return True

    async def moved(self, since: str, seconds: float) -> None:
        """Wait until something after `since` has been taken in, or `seconds` have passed."""
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self.position != since)
        except TimeoutError:
            return

    async def _follow(self) -> None:
        """Follow the change stream until it is time to reconcile."""
        clock = asyncio.get_running_loop().time
        # Replicas that started together must not reconcile together.
        until = clock() + self._reconcile_seconds * (0.75 + self._rng.random() / 2)
        while (left := until - clock()) > 0:
            block = max(1, int(min(left, BLOCK_SECONDS) * 1000))
            streams = {keys.catalog_changes(): self.position}
            read = await self._blocking.xread(streams, count=CHANGES_AT_ONCE, block=block)
            self._followed = time.monotonic()
            for _, entries in read:
                async with self._turn:
                    await self._take_in([_change(position, fields) for position, fields in entries])

    async def _take_in(self, changes: Sequence[Change]) -> None:
        if any(one.kind == ALIASES for one in changes):
            self.aliases = await self._aliases.all()
        for kind in KINDS:
            await self._refresh(kind, dict.fromkeys(one.uid for one in changes if one.kind == kind))
        await self._move_to(changes[-1].position)

    async def _refresh(self, kind: str, uids: Iterable[str]) -> None:
        for uid, found in (await self._shelves[kind].read_many(list(uids))).items():
            if isinstance(found, Exception):
                if uid not in self.unreadable:
                    log.error(
                        "cannot read a resource; its former state stays", kind=kind, uid=uid, why=str(found)
                    )
                self.unreadable[uid] = found
                continue
            self.unreadable.pop(uid, None)
            gone = found is None or KINDS[kind].is_deleted(found)
            self._take(kind, uid, None if gone else found)

    def _take(self, kind: str, uid: str, message: Any) -> None:
        resources = self._resources[kind]
        if message is None:
            if resources.drop(uid):
                self._tell(kind, uid, None)
        elif not _same(resources.by_uid.get(uid), message.etag):
            resources.put(message)
            self._tell(kind, uid, message)

    def _tell(self, kind: str, uid: str, message: Message | None) -> None:
        self.refused.pop(uid, None)
        for listener in self._listeners:
            try:
                listener(kind, uid, message)
            except Exception as error:  # noqa: BLE001 (one resource that cannot be used must not cost the others)
                log.exception("a change was refused", kind=kind, uid=uid)
                self.refused[uid] = error

    async def _move_to(self, position: str) -> None:
        async with self._moved:
            self.position = position
            self._moved.notify_all()


def _same(held: Router | Model | None, etag: str | None) -> bool:
    return (held.etag if held else None) == etag


def _change(position: bytes, fields: dict[bytes, bytes]) -> Change:
    return Change(position.decode(), fields[b"kind"].decode(), fields[b"uid"].decode())
