"""What is measured of models: published by feedback under one growing version, followed by every replica.

Each publication keeps what it replaced, so the values of a former version can be restored as long as all that
came after it is in the log: taken back one by one, newest first.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.feedback.v1.traffic_pb2 import ModelMetricsUndo

from services.foundation.errors import Aborted
from services.state import formats, metric_keys
from services.state.by_model import ByModel, Following
from services.state.connection import Connections
from services.state.fenced import Fence, lost
from services.state.published import META
from services.state.scripts import Arg, Script

_PUBLISH = Script("publish_metrics")

# An hour's worth at the fastest is 3,600 versions; large deployments keep fewer, for each replaces more.
MOST_VERSIONS = 20_000
LOG_BYTES = 64 * 1024 * 1024

ByUid = Mapping[str, ModelMetrics]


class ModelMetricsStore:
    """Reads and writes them. Feedback is the only writer. Everything raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        # redis-py types every reply as bytes or text; without decode_responses it is bytes.
        self._redis: Any = connections.steady

    async def read(self) -> tuple[int, dict[str, ModelMetrics]]:
        """The version, and what it holds by uid of the model. Raises NewerFormat."""
        fields = await self._redis.hgetall(metric_keys.model_metrics())
        formats.check("model metrics", int(fields.get(b"format", 0)), formats.MODEL_METRICS)
        return int(fields.get(b"version", 0)), decode(fields)

    async def publish(
        self, fence: Fence, version: int, before: ByUid, changed: ByUid, gone: Iterable[str], now: float
    ) -> int:
        """Publish what differs from `before`, which `version` holds, and say that it holds at `now`.

        Returns the version that is in force then: the next one, or the same where nothing differs. Raises
        LostLease, NewerFormat, and Aborted when another version is there: read again.
        """
        gone = list(gone)
        following = version + 1 if changed or gone else version
        undo = _undo(following, before, [*changed, *gone], now).SerializeToString()
        keep = min(MOST_VERSIONS, max(LOG_BYTES // (len(undo) + 100), 1))
        args: list[Arg] = [fence.token, following, formats.MODEL_METRICS, now, keep, undo]
        args.append(metric_keys.model_metrics_channel())
        for uid, metrics in changed.items():
            metrics.format, metrics.version = formats.MODEL_METRICS, following
            args += [uid, metrics.SerializeToString(deterministic=True)]
        for uid in gone:
            args += [uid, ""]
        named = [fence.key, metric_keys.model_metrics(), metric_keys.model_metrics_log()]
        outcome, *there = await _PUBLISH(self._redis, named, args)
        if outcome == b"FENCED":
            raise lost(fence)
        if outcome == b"NEWER":
            formats.check("model metrics", int(there[0]), formats.MODEL_METRICS)
        if outcome != b"PUBLISHED":
            raise Aborted("other metrics were published meanwhile", version=int(there[0]))
        return following

    async def history(self, version: int) -> dict[str, ModelMetrics] | None:
        """What a version held, by uid of the model; None if it is not kept any more, or not yet there."""
        newest, held = await self.read()
        if version == newest:
            return held
        key = metric_keys.model_metrics_log()
        entries = await self._redis.xrange(key, min=f"{version + 1}-0", max=f"{newest}-0")
        # One entry per version: a gap means that the older ones are trimmed.
        if version > newest or len(entries) < newest - version:
            return None
        for _, fields in reversed(entries):
            undo = ModelMetricsUndo.FromString(fields[b"undo"])
            formats.check("model metrics", undo.format, formats.MODEL_METRICS)
            for uid in undo.added:
                held.pop(uid, None)
            held |= {one.model_uid: one for one in undo.before}
        return held


class ModelMetricsReader(ByModel[ModelMetrics]):
    """The metrics of models in memory; see `ByModel`."""

    NOUN, FORMAT = "model metrics", formats.MODEL_METRICS

    def __init__(self, connections: Connections, **following: Unpack[Following]) -> None:
        key, channel = metric_keys.model_metrics(), metric_keys.model_metrics_channel()
        super().__init__(connections, key, channel, **following)
        self._store = ModelMetricsStore(connections)

    @property
    def stale_seconds(self) -> float:
        """Seconds since feedback computed them last, as far as is known here: grows while either feedback or
        Redis is away; infinite before the first time."""
        return self._now() - self._followed.computed if self._followed.computed else float("inf")

    def get(self, model: str) -> ModelMetrics | None:
        """What is known of a model, by its name, models/{id}; None if that is nothing."""
        return self._of(model)

    async def history(self, version: int) -> dict[str, ModelMetrics] | None:
        """What a version held, by name of the model; None if it is not kept any more. Raises
        StateUnavailable, NewerFormat."""
        found = await self._store.history(version)
        return None if found is None else {one.model: one for one in found.values()}

    def _read(self, value: bytes) -> ModelMetrics:
        return ModelMetrics.FromString(value)


def decode(fields: Mapping[bytes, bytes]) -> dict[str, ModelMetrics]:
    """The values of a hash, by uid."""
    return {uid.decode(): ModelMetrics.FromString(value) for uid, value in fields.items() if uid not in META}


def _undo(version: int, before: ByUid, uids: Iterable[str], now: float) -> ModelMetricsUndo:
    uids = list(uids)
    undo = ModelMetricsUndo(format=formats.MODEL_METRICS, version=version)
    undo.time.FromMicroseconds(int(now * 1e6))
    undo.before.extend(before[uid] for uid in uids if uid in before)
    undo.added.extend(uid for uid in uids if uid not in before)
    return undo
