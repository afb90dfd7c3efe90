"""Settings of alerts in Redis: a hash per partition, its version, and answers to requests that come again."""

import hashlib
from collections.abc import Callable
from typing import Any

from turnout.drift.v1.alert_config_pb2 import AlertConfig
from turnout.drift.v1.alert_rpc_pb2 import UpdateAlertConfigResponse
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts import defaults
from services.state import alert_keys, formats
from services.state.connection import Connections
from services.state.errors import StaleEtag
from services.state.ids import partition_for
from services.state.once import LIFETIME_MS, Once, reused
from services.state.scripts import Arg, Script

WRITE = Script("write_alert_config")
# Somebody else came first: whoever gave no etag does not mind, and is tried again.
TRIES = 5

Change = Callable[[AlertConfig], UpdateAlertConfigResponse]


class AlertConfigStore:
    """Reads and writes settings; raises StateUnavailable where Redis cannot be reached, and NewerFormat."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def get(self, model: Model) -> AlertConfig:
        """The settings of a model with their defaults, which are all there is where nobody has set any."""
        return filled(_read(model, await self._raw(model.uid)))

    async def update(
        self, model: Model, etag: str, once: Once | None, change: Change, *, dry: bool = False
    ) -> UpdateAlertConfigResponse:
        """Have `change` alter the settings in place, as they are without defaults, and say the answer; keep
        them, unless `dry`.

        Raises StaleEtag, RequestIdReused, and what `change` raises.
        """
        for _ in range(TRIES):
            if answer := await self._answered(model.uid, once):
                return answer
            seen = await self._raw(model.uid)
            config = _read(model, seen)
            if etag and etag != config.etag:
                raise _stale(model)
            answer = change(config)
            if dry:
                return answer
            body = config.SerializeToString(deterministic=True)
            status, kept = await self._write(model.uid, seen, body, once, answer.SerializeToString())
            if status != b"CHANGED":
                return kept or answer
        raise _stale(model)

    async def versions(self, partitions: list[int]) -> dict[int, int]:
        """Number of the last change in each partition."""
        async with self._redis.pipeline() as pipe:
            for partition in partitions:
                pipe.hget(alert_keys.alert_configs(partition), "version")
            found = await pipe.execute()
        return {partition: int(one or 0) for partition, one in zip(partitions, found, strict=True)}

    async def of_partition(self, partition: int) -> tuple[int, dict[str, bytes]]:
        """Version and the settings of a partition's models by uid, as `parse` reads them."""
        fields = await self._redis.hgetall(alert_keys.alert_configs(partition))
        version = int(fields.pop(b"version", 0))
        return version, {uid.decode(): body for uid, body in fields.items()}

    async def forget(self, model_uid: str) -> None:
        """Remove the settings of a model that is no more."""
        await self._write(model_uid, await self._raw(model_uid), b"", None, b"")

    async def _raw(self, model_uid: str) -> bytes:
        place = alert_keys.alert_configs(partition_for(model_uid))
        return await self._redis.hget(place, model_uid) or b""

    async def _answered(self, model_uid: str, once: Once | None) -> UpdateAlertConfigResponse | None:
        if once is None:
            return None
        place = alert_keys.alert_request(partition_for(model_uid), once.request_id)
        fingerprint, answer = await self._redis.hmget(place, ["fingerprint", "answer"])
        return _same(once, fingerprint, answer) if fingerprint else None

    async def _write(
        self, model_uid: str, seen: bytes, body: bytes, once: Once | None, answer: bytes
    ) -> tuple[bytes, UpdateAlertConfigResponse | None]:
        """WRITTEN, CHANGED if somebody came first, or ANSWERED and the answer of the same request."""
        partition = partition_for(model_uid)
        place = alert_keys.alert_configs(partition)
        request = alert_keys.alert_request(partition, once.request_id) if once else place
        args: list[Arg] = [model_uid, seen, body, once.fingerprint if once else "", answer, LIFETIME_MS]
        status, *kept = await WRITE(self._redis, [place, request], args)
        return status, _same(once, *kept) if once and kept else None


def parse(body: bytes) -> AlertConfig:
    """Stored settings with their defaults. Raises NewerFormat."""
    return filled(_parsed(body))


def filled(config: AlertConfig) -> AlertConfig:
    """The settings with every default that applies. What is stored is what was said: a default that depends
    on another field follows it."""
    made = AlertConfig()
    made.CopyFrom(config)
    defaults.fill(made)
    return made


def _parsed(body: bytes) -> AlertConfig:
    config = AlertConfig.FromString(body)
    formats.check("alert configuration", config.format, formats.ALERT_CONFIG)
    return config


def etag_of(config: AlertConfig) -> str:
    """A digest of the settings, quoted as HTTP wants it."""
    bare = AlertConfig()
    bare.CopyFrom(config)
    bare.ClearField("etag")
    digest = hashlib.blake2b(bare.SerializeToString(deterministic=True), digest_size=8)
    return f'"{digest.hexdigest()}"'


def _read(model: Model, body: bytes) -> AlertConfig:
    if body:
        return _parsed(body)
    config = AlertConfig(format=formats.ALERT_CONFIG, name=f"{model.name}/alertConfig")
    config.etag = etag_of(config)
    return config


def _same(once: Once, fingerprint: bytes, answer: bytes) -> UpdateAlertConfigResponse:
    if fingerprint.decode() != once.fingerprint:
        raise reused(once.request_id)
    return UpdateAlertConfigResponse.FromString(answer)


def _stale(model: Model) -> StaleEtag:
    return StaleEtag(
        f"the alert settings of {model.name} have changed since they were read; read them again",
        fields=[("config.etag", "that of the settings as they are now")],
        name=f"{model.name}/alertConfig",
    )
