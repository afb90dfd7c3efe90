"""Whose turn it is: the schedules of the partitions that this process leads."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.config_store import AlertConfigStore, parse
from services.drift.concept.store import ConceptStore
from services.drift.schedule.looker import Looker
from services.foundation.errors import Unavailable
from services.foundation.logs import log
from services.state.config_reader import ConfigReader
from services.state.errors import NewerFormat
from services.state.ids import partition_for
from services.state.ownership import Ownership

LOOK_SECONDS = 1.0
AGREE_SECONDS = 60.0
# Many models never take more than a fifth of their process.
REST = 4.0


@dataclass
class Rota:
    """Visits each model that has settings, in turn. `find` has a model by its uid from memory, None if it is
    not there. Run `run()` in the background."""

    ownership: Ownership
    configs: AlertConfigStore
    models: ConfigReader[Model]
    looker: Looker
    find: Callable[[str], Model | None]
    concepts: ConceptStore
    # By partition: token and version of what was read, and the settings by model.
    _read: dict[int, tuple[int, int, Mapping[str, AlertConfig]]] = field(default_factory=dict)
    _agreed: float = 0.0

    async def run(self) -> None:
        """Visit until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            begun = clock()
            try:
                await self.round()
            except Unavailable as error:
                log.warning("schedules rest", why=str(error))
            await asyncio.sleep(max(LOOK_SECONDS, REST * (clock() - begun)))

    async def round(self) -> int:
        """Visit every model of ours once; how many looks were made. Raises StateUnavailable."""
        await self._agree(await self._refresh())
        ours = [
            (uid, config, self.ownership.owned.get(partition))
            for partition, (_, _, configs) in self._read.items()
            for uid, config in configs.items()
        ]
        self.looker.keep([uid for uid, _, _ in ours])
        looks = 0
        for uid, config, token in ours:
            looks += await self._visit(uid, config) if token is not None else 0
        return looks

    def config_of(self, partition: int, model_uid: str) -> AlertConfig | None:
        """The settings of a model of ours, as read last."""
        _, _, configs = self._read.get(partition, (0, 0, {}))
        return configs.get(model_uid)

    async def _agree(self, partitions: Collection[int]) -> None:
        """Have detectors go by the settings: whoever changed them may have died before saying so to all
        partitions, or have said it after somebody who came later."""
        if self.looker.now() >= self._agreed + AGREE_SECONDS:
            self._agreed, partitions = self.looker.now(), self._read.keys()
        said = [self._read[partition][2].items() for partition in partitions]
        await self.concepts.agree({uid: config.concept.detection for one in said for uid, config in one})

    async def _refresh(self) -> list[int]:
        """Read the settings of partitions that are new here, or have changed; which these were."""
        read, owned = list[int](), dict(self.ownership.owned)
        self._read = {one: read for one, read in self._read.items() if read[0] == owned.get(one)}
        versions = await self.configs.versions(list(owned)) if owned else {}
        for partition, version in versions.items():
            token, known, _ = self._read.get(partition, (0, -1, {}))
            if (token, known) != (owned[partition], version):
                now, bodies = await self.configs.of_partition(partition)
                self._read[partition] = owned[partition], now, dict(_parsed(bodies))
                read.append(partition)
        return read

    async def _visit(self, uid: str, config: AlertConfig) -> int:
        try:
            model = self.find(uid) or await self.models.read_uid(uid)
            if model is None:
                await self._forget(uid)
                return 0
            return await self.looker.visit(model, config, self.ownership.fence(partition_for(uid)))
        except Unavailable as error:
            log.warning("a schedule is looked at again soon", uid=uid, why=str(error))
        except NewerFormat as error:
            log.error("a schedule cannot be read", uid=uid, why=str(error))
        return 0

    async def _forget(self, uid: str) -> None:
        """The model was deleted: what is made under its name later starts from nothing."""
        await self.looker.abandon(uid, self.ownership.fence(partition_for(uid)))
        await self.concepts.forget(uid)
        await self.configs.forget(uid)
        log.info("cleared away the alerts of a deleted model", uid=uid)


def _parsed(bodies: Mapping[str, bytes]) -> Iterator[tuple[str, AlertConfig]]:
    for uid, body in bodies.items():
        try:
            yield uid, parse(body)
        except NewerFormat as error:
            log.error("settings of alerts cannot be read", uid=uid, why=str(error))
