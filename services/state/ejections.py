"""Which models are out of service for their health, as all router replicas share it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.foundation.logs import log
from services.state import formats, keys
from services.state.connection import Connections
from services.state.errors import NewerFormat
from services.state.scripts import Arg, Script

# Each may be run again: an ejection joins the one that it repeats, and what is cleared stays so.
EJECT = Script("eject", repeatable=True)
CLEAR = Script("clear_ejection", repeatable=True)
READ = Script("read_ejections", repeatable=True)
# Not this one: the second run would find the lease that the first one took.
TAKE_PROBE = Script("take_probe")
RELEASE = Script("release_lease", repeatable=True)

# Twice the longest ejection: a count of times that old has long been forgiven.
OUTLIVE_MS = 7_200 * 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """An ejection as it is stored, and `now`, the time of the reading. All times are ms of Redis' clock, and
    mean something only as differences.

    number: which ejection of the model's life; times: what its length grew with; span: ms that it was given;
    cleared: when it ended, 0 while it has not; by: the replica that says so.
    """

    model_uid: str
    now: int
    number: int
    times: int
    span: int
    began: int
    expires: int
    cleared: int
    reason: str
    by: str

    @property
    def out(self) -> bool:
        """Whether it has not been cleared."""
        return not self.cleared

    @property
    def left(self) -> float:
        """Seconds until it expires: 0 to what it was given, also where Redis' clock has jumped."""
        return min(max(0, self.expires - self.now), self.span) / 1000

    @property
    def ended_ago(self) -> float:
        """Seconds since it was cleared; 0 if it is not."""
        return max(0, self.now - self.cleared) / 1000 if self.cleared else 0.0


class Ejections:
    """Reads and writes them. Only routers do."""

    def __init__(self, connections: Connections, replica: str) -> None:
        self._redis = connections.steady
        self._replica = replica
        self._unreadable: set[str] = set()

    async def eject(
        self, model_uid: str, *, number: int, times: int, seconds: float, age: float, reason: str
    ) -> Entry:
        """Take a model out for `seconds` from now; the ejection began `age` seconds ago.

        The entry that is in force then, which may be somebody else's that lasts longer. Raises
        StateUnavailable, NewerFormat.
        """
        span, began = max(0, round(seconds * 1000)), max(0, round(age * 1000))
        args: list[Arg] = [model_uid, number, times, span, began, reason, self._replica]
        args += [formats.EJECTION, OUTLIVE_MS, keys.ejections_channel()]
        return self._answer(model_uid, await EJECT(self._redis, [keys.ejections()], args))

    async def clear(self, model_uid: str, *, number: int, times: int) -> Entry:
        """End the ejection of that number. The entry in force then: a newer ejection stays. Raises
        StateUnavailable, NewerFormat."""
        args: list[Arg] = [model_uid, number, times, self._replica]
        args += [formats.EJECTION, OUTLIVE_MS, keys.ejections_channel()]
        return self._answer(model_uid, await CLEAR(self._redis, [keys.ejections()], args))

    async def read(self) -> tuple[int, list[Entry]]:
        """The time in ms by Redis' clock, and every entry that this version reads. Raises
        StateUnavailable."""
        now, *parts = await READ(self._redis, [keys.ejections()])
        found = [
            self._entry(uid.decode(), now, json.loads(written))
            for uid, written in zip(parts[::2], parts[1::2], strict=True)
        ]
        return now, [entry for entry in found if entry is not None]

    async def take_probe(self, model_uid: str, seconds: float) -> tuple[bool, Entry | None]:
        """Take the lease on the model's one probe; whether it was free, and the model's entry at that moment.
        Raises StateUnavailable."""
        where = [keys.probe_lease(model_uid), keys.ejections()]
        args: list[Arg] = [self._replica, max(1, round(seconds * 1000)), model_uid]
        taken, now, written = await TAKE_PROBE(self._redis, where, args)
        return bool(taken), self._entry(model_uid, now, json.loads(written)) if written else None

    async def release_probe(self, model_uid: str) -> None:
        """Give the lease back, if it is still ours. Raises StateUnavailable."""
        await RELEASE(self._redis, [keys.probe_lease(model_uid)], [self._replica])

    def heard(self, notice: bytes) -> Entry | None:
        """The entry that a notice on the channel carries; None if a newer version wrote it."""
        said = json.loads(notice)
        return self._entry(said["uid"], said["now"], said["entry"])

    def _entry(self, model_uid: str, now: int, stored: dict[str, Any]) -> Entry | None:
        """A stored entry; None if a newer version wrote it, and then a line in the log, once."""
        known = dict(stored)
        try:
            formats.check("ejection", known.pop("format"), formats.EJECTION)
        except NewerFormat as error:
            if model_uid not in self._unreadable:
                log.error("cannot read an ejection; this replica decides for itself", why=error.message)
            self._unreadable.add(model_uid)
            return None
        return Entry(model_uid=model_uid, now=now, **known)

    def _answer(self, model_uid: str, answer: Sequence[Any]) -> Entry:
        outcome, now, *written = answer
        # What is refused for its format names the format where others name the time.
        found = {"format": now} if outcome == b"NEWER" else json.loads(written[0])
        formats.check("ejection", found["format"], formats.EJECTION)
        del found["format"]
        return Entry(model_uid=model_uid, now=now, **found)
