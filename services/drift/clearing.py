"""Baselines and profiles go with their model: whatever is made under its name later starts from nothing."""

import asyncio
import random
from contextlib import suppress

from google.protobuf.message import Message
from turnout.router.v1.model_pb2 import Model

from services.drift.baseline_store import BaselineStore
from services.drift.concept.store import ConceptStore
from services.drift.profile_store import ProfileStore
from services.drift.result_store import ResultStore
from services.foundation.logs import log
from services.state.config_reader import ConfigReader
from services.state.errors import NewerFormat, StateUnavailable
from services.state.verdicts import VerdictStore

# For what was deleted while nobody listened; the catalog tells the rest at once.
SWEEP_SECONDS = 300.0


class Clearing:
    """Removes what is kept for models that were deleted. Hand `told` to the catalog's follower, run `run()`
    in the background; every process may, for removing twice is removing once."""

    def __init__(
        self,
        models: ConfigReader[Model],
        baselines: BaselineStore,
        profiles: ProfileStore,
        results: ResultStore,
        verdicts: VerdictStore,
        concepts: ConceptStore,
        rng: random.Random,
    ) -> None:
        self._models = models
        self._baselines = baselines
        self._profiles = profiles
        self._results = results
        self._verdicts = verdicts
        self._concepts = concepts
        self._rng = rng
        self._gone = asyncio.Event()

    def told(self, kind: str, _uid: str, message: Message | None) -> None:
        """A change of the catalog."""
        if kind == "models" and message is None:
            self._gone.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            self._gone.clear()
            try:
                await self.sweep()
            except StateUnavailable as error:
                log.warning("deleted models are not cleared away now", cause=error.facts.get("cause"))
            # Processes that started together must not sweep together.
            with suppress(TimeoutError):
                async with asyncio.timeout(SWEEP_SECONDS * (0.75 + self._rng.random() / 2)):
                    await self._gone.wait()

    async def sweep(self) -> None:
        """Clear away the models that are no more. Raises StateUnavailable."""
        for uid in await self._baselines.models():
            if not await self._exists(uid):
                await self._clear(uid)
                log.info("cleared away what was kept for a deleted model", uid=uid)

    async def _exists(self, uid: str) -> bool:
        try:
            return await self._models.read_uid(uid) is not None
        except NewerFormat:
            return True

    async def _clear(self, uid: str) -> None:
        # Bodies name the profiles, and the index names the bodies: who dies on the way leaves a trace.
        await self._baselines.deactivate(uid)
        for baseline_uid in await self._baselines.uids(uid):
            await self._profiles.forget(baseline_uid)
        await self._results.forget(uid)
        await self._verdicts.forget(uid)
        await self._concepts.forget(uid)
        await self._baselines.forget(uid)
