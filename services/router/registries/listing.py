"""What a registry has, whichever kind it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from turnout.router.v1.model_pb2 import Signature
from turnout.router.v1.model_service_pb2 import ImportVersions


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a registered model, by the registry's own names. run: that it came from, `source`: where
    its files are, both as far as they are known; `trouble`: why it cannot be used, empty if it can."""

    name: str
    version: str
    tags: Mapping[str, str] = field(default_factory=dict)
    run: str = ""
    source: str = ""
    trouble: str = ""

    @property
    def label(self) -> str:
        """As people are told of it."""
        return f"{self.name} version {self.version}"


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered model with those of its versions that were asked for; `aliases` say which version each
    stands for. `absent` are versions that an alias stands for and the registry does not show."""

    name: str
    tags: Mapping[str, str]
    aliases: Mapping[str, str]
    versions: Sequence[Version]
    absent: Sequence[str] = ()


class Registry(Protocol):
    """Reads a registry. Everything raises RegistryUnavailable and RegistryUnusable."""

    async def models(self, prefix: str, which: ImportVersions) -> Sequence[Registered]:
        """The registered models whose names begin with `prefix`, by name."""

    async def signature(self, version: Version) -> tuple[Signature | None, str]:
        """What a version reads, as columns; or None, and why the registry does not tell."""
