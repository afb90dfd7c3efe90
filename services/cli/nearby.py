"""Where a service is when nobody says so."""

from pathlib import Path

from services.cli.ready import announced
from services.cli.seats import SETTINGS
from services.foundation.configuration import load


def nearby(service: str, announcements: Path) -> str:
    """Address of a service, as host:port. Raises SettingsError."""
    running = [one.address for one in announced(announcements) if one.process == service]
    if running:
        return running[0]
    its = load(SETTINGS[service], service)
    return f"{its.host}:{its.port}"
