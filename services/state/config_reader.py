"""Reading routers and models: by name, by uid, in pages, and as they once were."""

import asyncio
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from services.state import ids, pages
from services.state.connection import Connections
from services.state.kinds import Kind, M
from services.state.name_index import NameIndex
from services.state.shelf import Former, Shelf

# Longer than any claimer that is still alive takes to write its resource.
CLAIM_SECONDS = 60.0
PAGE = 50
# Names whose holders are remembered; beyond, all are asked anew.
MOST_GUESSES = 10_000


T = TypeVar("T")


class Page(NamedTuple, Generic[T]):
    """A page of resources, and the token of the next one; empty on the last."""

    items: list[T]
    next_page_token: str


class ConfigReader(Generic[M]):
    """Every resource of one kind, for any service to read. What has a newer format raises NewerFormat."""

    def __init__(self, connections: Connections, kind: Kind[M], now: Callable[[], float]) -> None:
        self.kind = kind
        self._names = NameIndex(connections, kind.name)
        self._shelf = Shelf(connections, kind)
        self._now = now
        self._uids: dict[str, str] = {}

    async def find(self, name: str, *, deleted: bool = False) -> M | None:
        """The resource of that name, also a softly deleted one if told so; None if there is none."""
        guess = self._uids.get(name)
        # Names hardly ever pass on: what had it at the last reading is asked for at once.
        uid, guessed = await asyncio.gather(
            self._names.holder(name), self._read(guess), return_exceptions=True
        )
        if isinstance(uid, BaseException):
            raise uid
        if uid == guess and isinstance(guessed, BaseException):
            raise guessed
        # Whatever became of the guess: it is not what is asked for by now.
        found = guessed if uid == guess and not isinstance(guessed, BaseException) else await self._read(uid)
        if uid is None:
            self._uids.pop(name, None)
        else:
            if len(self._uids) >= MOST_GUESSES:
                self._uids.clear()
            self._uids[name] = uid
        return None if found is None or (self.kind.is_deleted(found) and not deleted) else found

    async def read(self, name: str, *, deleted: bool = False, field: str = "name") -> M:
        """The same; raises the kind's not-found error, blaming `field` of the request, if there is none."""
        found = await self.find(name, deleted=deleted)
        if found is None:
            raise self.kind.missing(name, field)
        return found

    async def _read(self, uid: str | None) -> M | None:
        return await self._shelf.read(uid) if uid else None

    async def read_uid(self, uid: str) -> M | None:
        """The resource of that uid, softly deleted or not; None if there is none."""
        return await self._shelf.read(uid)

    async def list(
        self,
        page_size: int = 0,
        page_token: str = "",
        *,
        filters: str = "",
        keep: Callable[[M], bool] = lambda _: True,
        deleted: bool = False,
    ) -> Page[M]:
        """A page of the resources that `keep` lets through, by name.

        `filters` is a text that stands for `keep`; a token is good for the same filters only. Raises
        BadPageToken, InvalidArgument.
        """
        filters = f"{self.kind.name} {deleted} {filters}"
        last, wanted = pages.unseal(filters, page_token), pages.size(page_size, PAGE)
        items: list[M] = []
        while True:
            names = await self._names.page(last, wanted + 1)
            found = await self._shelf.read_many([uid for _, uid in names])
            for name, uid in names:
                item = found[uid]
                if isinstance(item, Exception):
                    raise item
                if item is None and self._abandoned(uid):
                    await self._names.release(name, uid)
                elif item is not None and (deleted or not self.kind.is_deleted(item)) and keep(item):
                    if len(items) == wanted:
                        return Page(items, pages.seal(filters, last))
                    items.append(item)
                last = name
            if len(names) <= wanted:
                return Page(items, "")

    async def generations(self, name: str, page_size: int = 0, page_token: str = "") -> Page[Former[M]]:
        """Former and present configurations that are still kept, newest first."""
        current = await self.read(name)
        last = pages.unseal(current.uid, page_token)
        newest = int(last) - 1 if last else current.generation
        wanted = pages.size(page_size, PAGE)
        numbers = list(range(newest, max(newest - wanted, 0), -1))
        items = await self._shelf.generations(current.uid, numbers)
        more = len(items) == wanted and numbers[-1] > 1
        return Page(items, pages.seal(current.uid, str(numbers[-1])) if more else "")

    async def generation(self, uid: str, number: int) -> Former[M] | None:
        """One generation of a resource, if it is still kept."""
        return next(iter(await self._shelf.generations(uid, [number])), None)

    def _abandoned(self, uid: str) -> bool:
        return self._now() - ids.time_of(uid) > CLAIM_SECONDS
