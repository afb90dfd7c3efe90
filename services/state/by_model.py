"""What one writer publishes of every model, in the memory of whoever follows it."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Generic, NotRequired, Protocol, TypedDict, TypeVar, Unpack

from services.state.connection import Connections
from services.state.notices import POLL_SECONDS
from services.state.published import PublishedHash

OnChange = Callable[[frozenset[str]], None]


class Said(Protocol):
    """A message about one model."""

    @property
    def model(self) -> str:
        """Its name, models/{id}."""


T = TypeVar("T", bound=Said)


class Following(TypedDict):
    """How it is followed. uid_of: which model has a name now, as what was said of one that is deleted is not
    its successor's; on_change: is told the names of whom another thing is said; now: seconds since 1970."""

    uid_of: Callable[[str], str | None]
    now: Callable[[], float]
    rng: random.Random
    on_change: NotRequired[OnChange]
    poll_seconds: NotRequired[float]


class ByModel(ABC, Generic[T]):
    """The fields of a published hash, one per model. Run `run()` in the background."""

    NOUN: ClassVar[str]
    FORMAT: ClassVar[int]

    def __init__(
        self, connections: Connections, key: str, channel: str, **following: Unpack[Following]
    ) -> None:
        self._uid_of, self._now = following["uid_of"], following["now"]
        self._on_change = following.get("on_change", _nothing)
        self._held: dict[str, T] = {}
        self._raw: Mapping[bytes, bytes] = {}
        self._followed = PublishedHash(
            connections,
            key,
            channel,
            noun=self.NOUN,
            known_format=self.FORMAT,
            take=self._take,
            rng=following["rng"],
            polled=self._polled,
            poll_seconds=following.get("poll_seconds", POLL_SECONDS),
        )
        self.run = self._followed.run
        self.poll = self._followed.poll

    @property
    def version(self) -> int:
        """Version of what is in memory; 0 before anything was published."""
        return self._followed.version

    @abstractmethod
    def _read(self, value: bytes) -> T:
        """What a field says."""

    def _of(self, model: str) -> T | None:
        """What is said of the model that has a name now."""
        uid = self._uid_of(model)
        return self._held.get(uid) if uid else None

    def _taken(self, names: frozenset[str]) -> None:
        """Another thing is said of these."""
        self._on_change(names)

    def _polled(self) -> None:
        """Somebody has looked, or tried to."""

    def _take(self, fields: Mapping[bytes, bytes]) -> None:
        former, self._raw = self._raw, fields
        names = {self._held.pop(uid.decode()).model for uid in former.keys() - fields.keys()}
        # Most of thousands are what they were: only the others are decoded.
        for uid, value in fields.items():
            if former.get(uid) != value:
                said = self._held[uid.decode()] = self._read(value)
                names.add(said.model)
        self._taken(frozenset(names))


def _nothing(_names: frozenset[str]) -> None:
    """Nobody wants to be told."""
