"""The status of each model's latest analysis: published by drift, followed by every replica."""

from typing import Unpack

from turnout.drift.v1.result_pb2 import DriftResult, DriftStatus
from turnout.drift.v1.verdict_pb2 import DriftVerdict

from services.state import formats, metric_keys
from services.state.by_model import ByModel, Following
from services.state.connection import Connections
from services.state.scripts import Arg, Script

_PUBLISH = Script("publish_verdict", repeatable=True)

# A day without an analysis, and nobody knows: silence is never ok.
EXPIRY_SECONDS = 24 * 3600.0


class VerdictStore:
    """Writes verdicts. Drift is the only writer. Everything raises StateUnavailable, NewerFormat."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def publish(self, model_uid: str, result: DriftResult) -> None:
        """Publish the status of a result, unless that of a later one is there."""
        verdict = DriftVerdict(
            format=formats.VERDICT, model_uid=model_uid, model=result.model, status=result.status
        )
        verdict.time.CopyFrom(result.create_time)
        await self._write(model_uid, verdict.SerializeToString(), result.create_time.ToMicroseconds())

    async def say(self, model_uid: str, model: str, status: DriftStatus, time: float, until: float) -> None:
        """The same of a status that a schedule has come to at `time`, and that holds `until` the next look
        has had its time; both in seconds since 1970. While it holds nobody's own analysis replaces it."""
        verdict = DriftVerdict(format=formats.VERDICT, model_uid=model_uid, model=model, status=status)
        verdict.time.FromMicroseconds(int(time * 1e6))
        verdict.expire_time.FromMicroseconds(int(until * 1e6))
        await self._write(model_uid, verdict.SerializeToString(), int(until * 1e6))

    async def forget(self, model_uid: str) -> None:
        """Remove what is said of a model."""
        await self._write(model_uid, b"", 0)

    async def _write(self, model_uid: str, value: bytes, time: int) -> None:
        channel = metric_keys.verdicts_channel()
        args: list[Arg] = [model_uid, value, time, formats.VERDICT, channel]
        version, *there = await _PUBLISH(self._redis, [metric_keys.verdicts()], args)
        if version < 0:
            formats.check("verdict of drift", int(there[0]), formats.VERDICT)


class VerdictReader(ByModel[DriftVerdict]):
    """Verdicts in memory; see `ByModel`. `on_change` is also told the names whose verdict has expired."""

    NOUN, FORMAT = "verdict of drift", formats.VERDICT

    def __init__(
        self,
        connections: Connections,
        *,
        expiry_seconds: float = EXPIRY_SECONDS,
        **following: Unpack[Following],
    ) -> None:
        super().__init__(connections, metric_keys.verdicts(), metric_keys.verdicts_channel(), **following)
        self._expiry = expiry_seconds
        self._told: dict[str, str | None] = {}

    def get(self, model: str) -> str | None:
        """The status of a model by its name: ok, warning, alert or insufficient_data; None where there is no
        analysis, or none of late."""
        verdict = self._of(model)
        return self._status(verdict) if verdict else None

    def _taken(self, names: frozenset[str]) -> None:
        """It is looked through after each look anyway, as verdicts also expire."""

    def _polled(self) -> None:
        """Tell of the verdicts that are not what they were, or have grown too old."""
        now = {one.model: self._status(one) for one in self._held.values()}
        changed = {name for name in now.keys() | self._told.keys() if now.get(name) != self._told.get(name)}
        self._told = now
        if changed:
            self._on_change(frozenset(changed))

    def _read(self, value: bytes) -> DriftVerdict:
        return DriftVerdict.FromString(value.partition(b" ")[2])

    def _status(self, verdict: DriftVerdict) -> str | None:
        until = verdict.time.ToNanoseconds() / 1e9 + self._expiry
        if verdict.HasField("expire_time"):
            until = verdict.expire_time.ToNanoseconds() / 1e9
        if self._now() > until:
            return None
        return DriftStatus.Name(verdict.status).removeprefix("DRIFT_STATUS_").lower()
