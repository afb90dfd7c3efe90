"""Where each service will listen: what its settings say, or free ports for a throw-away suite."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.aggregator.settings import AggregatorSettings
from services.cli.ports import FreePorts, require
from services.drift.settings import DriftSettings
from services.feedback.settings import FeedbackSettings
from services.foundation.configuration import load
from services.foundation.settings import Settings
from services.gateway.settings import GatewaySettings
from services.router.settings import RouterSettings

SETTINGS: Mapping[str, type[Settings]] = {
    "router": RouterSettings,
    "aggregator": AggregatorSettings,
    "feedback": FeedbackSettings,
    "drift": DriftSettings,
}

# What stands before them; a suite does without where it has no Envoy.
GATEWAY = "gateway"


@dataclass(frozen=True)
class Seat:
    """A service's place; its ports stay the same however often it is started again."""

    service: str
    settings: Settings
    port: int
    metrics_port: int

    @property
    def address(self) -> str:
        """Where the other services reach it."""
        return f"{self.settings.host}:{self.port}"


def seats(free: FreePorts, *, ephemeral: bool) -> dict[str, Seat]:
    """One seat per service. Raises SettingsError, or PortTakenError for the first port that cannot be had."""
    return {service: _seat(service, SETTINGS[service], free, ephemeral) for service in SETTINGS}


def gateway_seat(free: FreePorts, *, ephemeral: bool) -> Seat:
    """The gateway's seat. Raises the same."""
    return _seat(GATEWAY, GatewaySettings, free, ephemeral)


def _seat(service: str, kind: type[Settings], free: FreePorts, ephemeral: bool) -> Seat:
    settings = load(kind, service)
    chosen = []
    for key, host in (("port", settings.host), ("metrics_port", settings.metrics_host)):
        port: int = getattr(settings, key)
        if ephemeral or port == 0:
            chosen.append(free.take())
        else:
            chosen.append(require(host, port, service, f"TURNOUT_{service.upper()}_{key.upper()}"))
    return Seat(service, settings, *chosen)
