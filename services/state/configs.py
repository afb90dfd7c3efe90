"""Routers and models as they are stored: by uid in their partition, found by name in the catalog.

A name is claimed first (a script in the catalog's slot), then the resource is written (a script in its
partition's slot), then the change is announced. Whoever finds a claimed name without a resource takes it
over once the claim is a minute old, which a uid tells by itself: a crash costs a minute, never a name.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple

from turnout.router.v1.router_service_pb2 import AuditEvent

from services.foundation.errors import Aborted, TurnoutError
from services.state import ids
from services.state.audit import Author, difference, event_of
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.errors import NotDeleted, StaleEtag
from services.state.kinds import Kind, M
from services.state.once import Once, Requests
from services.state.refusals import check_etag, taken

NOBODY = Author()
# Two people who change the same router at once; many rounds mean a program that fights itself.
ATTEMPTS = 8


class Written(NamedTuple, Generic[M]):
    """What a change left behind.

    message: the resource as written; position: of the change, for `CatalogFollower.wait_for`; replayed: the
    request id was seen before, and this is what it answered then.
    """

    message: M
    position: str
    replayed: bool = False


class ConfigStore(ConfigReader[M]):
    """Every resource of one kind. The router service is the only writer.

    The store fills in uid, generation, etag and the times; everything else is the caller's.
    """

    def __init__(
        self, connections: Connections, kind: Kind[M], now: Callable[[], float], rng: random.Random
    ) -> None:
        super().__init__(connections, kind, now)
        self._requests = Requests(connections)
        self._rng = rng

    async def create(
        self, message: M, once: Once | None = None, *, validate_only: bool = False, by: Author = NOBODY
    ) -> Written[M]:
        """Store a new resource under `message.name`, and that it was `by` somebody.

        The name of a softly deleted resource is its own until it is purged: it may be undeleted by then.
        Raises NameTaken, DeletedHasName, RequestIdReused.
        """
        uid = await self._requests.subject(once)
        if once and uid and (answer := await self._shelf.answered(uid, once)):
            return await self._replayed(answer)
        uid = uid or ids.new_uid(self._now(), self._rng)
        if not validate_only:
            uid = await self._requests.reserve(once, uid)
        made = self.kind.copy(message)
        made.uid, made.generation = uid, 1
        made.ClearField("create_time")
        self._stamp(made)
        gone = await self._vacant(made.name, uid)
        return Written(made, "") if validate_only else await self._place(made, gone, once, by)

    async def update(
        self,
        name: str,
        change: Callable[[M], None],
        *,
        etag: str = "",
        once: Once | None = None,
        new_generation: bool = True,
        validate_only: bool = False,
        deleted: bool = False,
        by: Author = NOBODY,
    ) -> Written[M]:
        """Let `change` modify the resource in place, and store it under a new etag and generation.

        With an `etag`, only what was seen is changed; without, the change is made again on whatever came
        between, so `change` must depend on its argument alone. What it raises is passed on, unwritten.
        `new_generation=False` is for what is not configuration, such as the lifecycle. Raises the kind's
        not-found error, StaleEtag, RequestIdReused, and Aborted if others kept coming between.
        """

        async def work() -> Written[M]:
            for _ in range(ATTEMPTS):
                seen = await self.read(name, deleted=deleted)
                check_etag(seen, etag)
                made = self.kind.copy(seen)
                change(made)
                made.name, made.uid, made.generation = seen.name, seen.uid, seen.generation + new_generation
                self._stamp(made)
                if validate_only:
                    return Written(made, "")
                try:
                    return await self._replace(
                        seen, made, once, difference(seen, made, by, new_generation=new_generation)
                    )
                except StaleEtag:
                    continue
            raise Aborted(f"{name} kept changing; read it and try again", name=name)

        return await self._unless_made(once, work)

    async def delete(
        self,
        name: str,
        *,
        etag: str = "",
        once: Once | None = None,
        change: Callable[[M], None] | None = None,
        validate_only: bool = False,
        by: Author = NOBODY,
    ) -> Written[M]:
        """Delete a resource: softly where its kind allows, and then it is purged after 30 days.

        `change` is applied in the same write. Raises what `update` raises.
        """

        def mark(message: M) -> None:
            if change is not None:
                change(message)
            if self.kind.soft:
                self._set_time(message, "delete_time")

        if self.kind.soft or validate_only:
            return await self.update(
                name, mark, etag=etag, once=once, new_generation=False, validate_only=validate_only, by=by
            )
        return await self._unless_made(once, lambda: self._forget(name, etag, once, by))

    async def discard(self, name: str, *, etag: str, by: Author = NOBODY) -> Written[M]:
        """Take back a creation that should not have been, and its name: nothing is left to undelete. Raises
        StaleEtag if it has changed since."""
        return await self._forget(name, etag, None, by)

    async def undelete(
        self,
        name: str,
        *,
        etag: str = "",
        once: Once | None = None,
        validate_only: bool = False,
        by: Author = NOBODY,
    ) -> Written[M]:
        """Take a soft deletion back. Raises NotDeleted, and what `update` raises."""

        def unmark(message: M) -> None:
            if not self.kind.is_deleted(message):
                raise NotDeleted(f"{name} is not deleted", name=name)
            message.ClearField("delete_time")  # type: ignore[arg-type,unused-ignore]  # only soft kinds get here

        return await self.update(
            name,
            unmark,
            etag=etag,
            once=once,
            new_generation=False,
            validate_only=validate_only,
            deleted=True,
            by=by,
        )

    async def _vacant(self, name: str, uid: str) -> str:
        """Uid of the former holder of a name that is free to take, or ''. Raises what `taken` makes."""
        holder = await self._names.holder(name)
        if holder is None or holder == uid:
            return ""
        held = await self._shelf.read(holder)
        if held is None and self._abandoned(holder):
            return holder
        raise taken(name, self.kind.deleted_at(held) if held is not None else 0.0)

    async def _place(self, made: M, gone: str, once: Once | None, by: Author = NOBODY) -> Written[M]:
        if await self._names.claim(made.name, made.uid, gone) != made.uid:
            raise taken(made.name)
        event = difference(None, made, by, new_generation=True)
        if answer := await self._shelf.write(made, "", once, event):
            return await self._replayed(answer)
        position = await self._names.announce(made.uid, made.generation, holding=made.name)
        if position is None:
            # Somebody took our claim for abandoned and has the name now; leave nothing of ours behind.
            await self._shelf.delete(made, made.etag, None, event_of(by, made.name, made.uid, 0, []))
            raise taken(made.name)
        return Written(made, position)

    async def _replace(self, seen: M, made: M, once: Once | None, event: AuditEvent) -> Written[M]:
        await self._requests.reserve(once, seen.uid)
        gone = self.kind.is_deleted(made)
        if answer := await self._shelf.write(made, seen.etag, once, event, deleted=gone):
            return await self._replayed(answer)
        return Written(made, await self._announce(made))

    async def _forget(self, name: str, etag: str, once: Once | None, by: Author) -> Written[M]:
        seen = await self.read(name)
        check_etag(seen, etag)
        await self._requests.reserve(once, seen.uid)
        event = event_of(by, seen.name, seen.uid, 0, [])
        if answer := await self._shelf.delete(seen, seen.etag, once, event):
            return await self._replayed(answer)
        await self._names.release(name, seen.uid)
        return Written(seen, await self._announce(seen))

    async def repeated(self, once: Once | None) -> M | None:
        """What this very change answered when it was made; None if it was not. For callers whose own checks
        could refuse today what was rightly done then. Raises RequestIdReused."""
        answer = await self._answered(once)
        return (await self._replayed(answer)).message if answer else None

    async def _answered(self, once: Once | None) -> M | None:
        uid = await self._requests.subject(once)
        return await self._shelf.answered(uid, once) if once and uid else None

    async def _unless_made(self, once: Once | None, work: Callable[[], Awaitable[Written[M]]]) -> Written[M]:
        """Do the work, unless this very change was made before. Sent twice at once, it may be made while it
        is being worked on, and then fails over what it left itself: its first answer is the right one."""
        if answer := await self._answered(once):
            return await self._replayed(answer)
        try:
            return await work()
        except TurnoutError:
            if answer := await self._answered(once):
                return await self._replayed(answer)
            raise

    async def _replayed(self, answer: M) -> Written[M]:
        # The first run may have died between writing and announcing.
        return Written(answer, await self._announce(answer), replayed=True)

    async def _announce(self, made: M) -> str:
        return await self._names.announce(made.uid, made.generation) or ""

    def _stamp(self, made: M) -> None:
        self._set_time(made, "update_time")
        if not made.HasField("create_time"):
            made.create_time.CopyFrom(made.update_time)
        made.etag = self.kind.etag(made)

    def _set_time(self, message: M, field: str) -> None:
        getattr(message, field).FromNanoseconds(int(self._now() * 1e9))
