"""`python -m services.router.pods churn`: what would be applied for a router, as YAML. Nothing is."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from services.foundation.configuration import SettingsError, load
from services.foundation.errors import TurnoutError
from services.foundation.workers import WRONG_SETTINGS
from services.router.pods.rendering import as_yaml
from services.router.settings import RouterSettings
from services.state.config_reader import ConfigReader
from services.state.connection import connect
from services.state.kinds import ROUTERS
from services.state.names import resource_name


async def show(name: str, settings: RouterSettings) -> str:
    """The manifests of a stored router. Raises BadName, RouterNotFound, StateUnavailable."""
    async with connect(settings.redis_url) as connections:
        router = await ConfigReader(connections, ROUTERS, time.time).read(
            resource_name("routers", name, "router")
        )
    return as_yaml(router, settings)


def main() -> int:
    """Print them; the exit code."""
    told = argparse.ArgumentParser(prog="python -m services.router.pods", description=__doc__)
    told.add_argument("router", help="as churn or routers/churn")
    told.add_argument("--config", type=Path, help="the router process's settings; TURNOUT_CONFIG otherwise")
    given = told.parse_args()
    try:
        text = asyncio.run(show(given.router, load(RouterSettings, "router", given.config)))
    except (SettingsError, TurnoutError) as wrong:
        sys.stderr.write(f"{wrong}\n")
        return WRONG_SETTINGS if isinstance(wrong, SettingsError) else 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
