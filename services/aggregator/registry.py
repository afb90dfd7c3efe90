"""The models that this process can ask, as the catalog has them now."""

import asyncio
from typing import Any

from turnout.router.v1.model_pb2 import Model

from services.models.handle import ModelHandle
from services.models.pool import ModelPool
from services.state.errors import StateUnavailable


class CatalogNotRead(StateUnavailable):
    """This process has just started, and has not seen yet which models there are."""


class Registry:
    """Handles by model name. The catalog's follower feeds it: `changed` is its on_change, `loaded` its
    ready."""

    def __init__(self, pool: ModelPool) -> None:
        self._pool = pool
        # By uid: the news of a deletion comes without a name.
        self._names: dict[str, str] = {}
        self.loaded = asyncio.Event()

    def find(self, name: str) -> ModelHandle | None:
        """The handle of `models/{id}`; None for a model that is not registered.

        Raises CatalogNotRead while nobody can tell whether it is.
        """
        handle = self._pool.get(name)
        if handle is None and not self.loaded.is_set():
            raise CatalogNotRead("the registered models have not been read yet", retry_after=1.0, model=name)
        return handle

    def changed(self, kind: str, uid: str, message: Any) -> None:
        """A resource is new or changed, or gone (None). Raises InvalidModel for a model that cannot be
        called, and then the former handle stays."""
        if kind != "models":
            return
        if message is None:
            self._forget(uid)
        else:
            self._take(message)

    def _take(self, model: Model) -> None:
        self._names[model.uid] = model.name
        self._pool.open(model)

    def _forget(self, uid: str) -> None:
        name = self._names.pop(uid, "")
        handle = self._pool.get(name)
        # The name may be another model's by now.
        if handle is not None and handle.model.uid == uid:
            self._pool.forget(name)
