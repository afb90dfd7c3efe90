"""Asks everything that the checks look at, all of it at the same time."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from services.cli.complaints import told
from services.cli.connecting import Visit
from services.cli.doctor.facts import Facts, Fleet
from services.cli.doctor.gathering import fleet, pages, redis, serving
from services.cli.doctor.gathering.places import Places
from services.cli.settings import CliSettings
from services.foundation.errors import TurnoutError

T = TypeVar("T")
NO_PAGES = (
    "nobody says where the metrics pages are: lag, spools and clocks of the services were not looked at; "
    "TURNOUT_CLI_READY_FILE, or run it in the directory of turnout up"
)
OTHERS = (
    "what {who} may not see was not looked at: others' routers and models may be in trouble; the key of an "
    "administrator sees all"
)
NO_REDIS = "nobody says where Redis is: how safe data are was not looked at; --redis URL"


async def gather(suite: Visit, places: Places, settings: CliSettings) -> Facts:
    """Everything that can be known of a suite now. What cannot is said in `untold`, and not raised."""
    untold = [*([] if places.pages else [NO_PAGES]), *([] if places.redis else [NO_REDIS])]
    # First and alone: the others would make it wait for its turn in this process, not for Redis.
    stored = await redis.ask(places.redis)
    services, found, caller, owned = await asyncio.gather(
        asyncio.gather(*(serving.ask(name, place, settings) for name, place in places.services.items())),
        asyncio.gather(*(pages.read(name, url) for name, urls in places.pages.items() for url in urls)),
        _unless_refused("who you are", fleet.caller(suite), None, untold),
        _unless_refused("the fleet", fleet.ask(suite, untold), Fleet(), untold),
    )
    if caller is not None and not caller.admin:
        untold.append(OTHERS.format(who=caller.user))
    return Facts(time.time(), services, found, stored, caller, owned, untold)


async def _unless_refused(what: str, asked: Awaitable[T], otherwise: T, untold: list[str]) -> T:
    try:
        return await asked
    except TurnoutError as refused:
        untold.append(f"{what} could not be read: {told(refused)} ({refused.reason})")
        return otherwise
