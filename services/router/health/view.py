"""What a plan needs to know of health, at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from services.router.health.probe import Probe

# What begins the sentence about a model that is out, and no other.
EJECTED = "ejected"


class Out(NamedTuple):
    """An ejection: when it began (shared ms), when it expires (seconds since 1970), and why."""

    began: float
    until: float
    reason: str

    def __str__(self) -> str:
        """The sentence that manifests carry.

        >>> str(Out(0.0, 1_700_000_000.0, "5 failures in a row"))
        'ejected until 22:13:20 UTC: 5 failures in a row'
        """
        until = datetime.fromtimestamp(self.until, UTC)
        return f"{EJECTED} until {until:%H:%M:%S} UTC: {self.reason}"


@dataclass(frozen=True, slots=True)
class HealthView:
    """Models that are out, by name, and the probes that this replica may make, or the one that is made.
    `version` grows with each change that this process learns of."""

    version: int = 0
    out: Mapping[str, Out] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    trial: Probe | None = None

    @property
    def began(self) -> Mapping[str, float]:
        """When each ejection began, in shared ms."""
        return {model: out.began for model, out in self.out.items()}

    def trying(self, probe: Probe) -> "HealthView":
        """The same for whoever makes `probe`: its model is in service."""
        rest = {model: out for model, out in self.out.items() if model != probe.model}
        return HealthView(self.version, rest, trial=probe)


EVERYBODY_WELL = HealthView()
