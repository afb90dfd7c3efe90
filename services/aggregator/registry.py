"""The models that this process can ask, as the catalog has them now."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from turnout.router.v1.model_pb2 import Model

from services.foundation.logs import log
from services.models.handle import ModelHandle
from services.models.pool import ModelPool
from services.state.errors import StateUnavailable
from services.state.names import id_of

# A plan that names a model which does not exist must not make every request of its read the catalog.
LOOK_SECONDS = 0.5
# A plan has its deadline: those who are known must not wait long for news of the others.
PATIENCE_SECONDS = 0.25


class CatalogNotRead(StateUnavailable):
    """This process has just started, and has not seen yet which models there are."""


class Registry:
    """Handles by model name. The catalog's follower feeds it: `changed` is its on_change, `loaded` its
    ready."""

    def __init__(self, pool: ModelPool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._clock = clock
        self._looked = float("-inf")
        # Name of the model by {base}@{alias}, as the catalog has them now.
        self.aliases: Callable[[], Mapping[str, str]] = dict
        self.catch_up: Callable[[], Awaitable[None]] | None = None
        # By uid: the news of a deletion comes without a name.
        self._names: dict[str, str] = {}
        self.loaded = asyncio.Event()

    def find(self, name: str) -> ModelHandle | None:
        """The handle of `models/{id}`, or of the model that the alias `models/{base}@{alias}` stands for now;
        None for a model that is not registered.

        Raises CatalogNotRead while nobody can tell whether it is.
        """
        handle = self._handle(name)
        if handle is None and not self.loaded.is_set():
            raise CatalogNotRead("the registered models have not been read yet", retry_after=1.0, model=name)
        return handle

    async def meet(self, names: Iterable[str]) -> None:
        """Look for models that are not known yet: one that was registered a moment ago may not have been
        announced to us. Returns whether or not they are found; looks at most twice a second."""
        if self.catch_up is None or all(self._handle(name) is not None for name in names):
            return
        if self._clock() - self._looked < LOOK_SECONDS:
            return
        self._looked = self._clock()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.catch_up()
        except (StateUnavailable, TimeoutError) as error:
            log.warning("cannot look for unknown models now", cause=type(error).__name__)

    def changed(self, kind: str, uid: str, message: Any) -> None:
        """A resource is new or changed, or gone (None). Raises InvalidModel for a model that cannot be
        called, and then the former handle stays."""
        if kind != "models":
            return
        if message is None:
            self._forget(uid)
        else:
            self._take(message)

    def _handle(self, name: str) -> ModelHandle | None:
        return self._pool.get(self.aliases().get(id_of(name), "") if "@" in name else name)

    def _take(self, model: Model) -> None:
        self._names[model.uid] = model.name
        self._pool.open(model)

    def _forget(self, uid: str) -> None:
        name = self._names.pop(uid, "")
        handle = self._pool.get(name)
        # The name may be another model's by now.
        if handle is not None and handle.model.uid == uid:
            self._pool.forget(name)
