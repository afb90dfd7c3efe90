"""The status of each model's latest analysis: published by drift, followed by every replica."""

import random
from collections.abc import Callable, Mapping

from turnout.drift.v1.result_pb2 import DriftResult, DriftStatus
from turnout.drift.v1.verdict_pb2 import DriftVerdict

from services.state import formats, metric_keys
from services.state.connection import Connections
from services.state.published import POLL_SECONDS, PublishedHash
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

    async def forget(self, model_uid: str) -> None:
        """Remove what is said of a model."""
        await self._write(model_uid, b"", 0)

    async def _write(self, model_uid: str, value: bytes, time: int) -> None:
        channel = metric_keys.verdicts_channel()
        args: list[Arg] = [model_uid, value, time, formats.VERDICT, channel]
        version, *there = await _PUBLISH(self._redis, [metric_keys.verdicts()], args)
        if version < 0:
            formats.check("verdict of drift", int(there[0]), formats.VERDICT)


class VerdictReader:
    """Verdicts in memory. `uid_of` says which model has a name now; `on_change` is told the names whose
    verdict is another one, or has expired. `now` is in seconds since 1970. Run `run()` in the background.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        uid_of: Callable[[str], str | None],
        now: Callable[[], float],
        rng: random.Random,
        on_change: Callable[[frozenset[str]], None] = lambda _names: None,
        expiry_seconds: float = EXPIRY_SECONDS,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._uid_of = uid_of
        self._now = now
        self._on_change = on_change
        self._expiry = expiry_seconds
        self._held: dict[str, DriftVerdict] = {}
        self._told: dict[str, str | None] = {}
        self._followed = PublishedHash(
            connections,
            metric_keys.verdicts(),
            metric_keys.verdicts_channel(),
            noun="verdict of drift",
            known_format=formats.VERDICT,
            take=self._take,
            rng=rng,
            polled=self._expire,
            poll_seconds=poll_seconds,
        )
        self.run = self._followed.run
        self.poll = self._followed.poll

    @property
    def version(self) -> int:
        """Version of what is in memory; 0 before anything was published."""
        return self._followed.version

    def get(self, model: str) -> str | None:
        """The status of a model by its name: ok, warning, alert or insufficient_data; None where there is no
        analysis, or none of late."""
        verdict = self._held.get(self._uid_of(model) or "")
        return self._status(verdict) if verdict else None

    def _expire(self) -> None:
        """Tell of the verdicts that are not what they were, or have grown too old."""
        now = {one.model: self._status(one) for one in self._held.values()}
        changed = {name for name in now.keys() | self._told.keys() if now.get(name) != self._told.get(name)}
        self._told = now
        if changed:
            self._on_change(frozenset(changed))

    def _take(self, fields: Mapping[bytes, bytes]) -> None:
        found = [DriftVerdict.FromString(value.partition(b" ")[2]) for value in fields.values()]
        self._held = {one.model_uid: one for one in found}

    def _status(self, verdict: DriftVerdict) -> str | None:
        if self._now() - verdict.time.ToNanoseconds() / 1e9 > self._expiry:
            return None
        return DriftStatus.Name(verdict.status).removeprefix("DRIFT_STATUS_").lower()
