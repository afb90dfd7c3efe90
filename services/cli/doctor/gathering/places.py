"""Where the parts of a suite are: what the command says, the settings, the ready file, or this directory."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.cli.connecting import whereabouts
from services.cli.ready import HERE, announced, by_process, stored
from services.cli.settings import CliSettings
from services.foundation.configuration import SettingsError

SERVICES = ("router", "aggregator", "feedback", "drift")
GATEWAY = "gateway"


@dataclass(frozen=True)
class Places:
    """Addresses of services as host:port, metrics pages as URLs by service, Redis as a URL; empty where
    nobody says."""

    services: Mapping[str, str]
    pages: Mapping[str, Sequence[str]]
    redis: str


def places(server: str | None, redis: str | None, settings: CliSettings) -> Places:
    """Raises SettingsError, OSError."""
    services = {name: whereabouts(name, server, settings) for name in SERVICES}
    if server:
        # All of it stands behind one door, and whose pages and whose Redis those are nobody says.
        return Places({GATEWAY: server}, {}, redis or "")
    front, pages, known = _of_ready_file(Path(settings.ready_file)) if settings.ready_file else _nearby(HERE)
    return Places({**services, **front}, pages, redis or known or os.environ.get("REDIS_URL", ""))


Told = tuple[dict[str, str], dict[str, list[str]], str]


def _of_ready_file(path: Path) -> Told:
    try:
        said = json.loads(path.read_text())
        front = {GATEWAY: str(said[GATEWAY]).rpartition("://")[2]} if said.get(GATEWAY) else {}
        return front, {name: list(urls) for name, urls in said["metrics"].items()}, str(said["redis"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise SettingsError(f"ready_file = {str(path)!r}: not what turnout up --ready-file writes") from None


def _nearby(here: Path) -> Told:
    found = by_process(announced(here))
    front = {GATEWAY: found[GATEWAY][0].address.rpartition("://")[2]} if GATEWAY in found else {}
    pages = {name: [one.metrics for one in found[name] if one.metrics] for name in SERVICES if name in found}
    return front, pages, stored(found)
