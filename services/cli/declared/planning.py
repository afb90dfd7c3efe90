"""What is to be done with everything that is declared: each service is asked, and nothing is changed."""

import re
from collections.abc import Sequence

from services.cli.connecting import Visit
from services.cli.declared.changes import Action, Change
from services.cli.declared.differences import plain
from services.cli.declared.loading import Declared
from services.cli.declared.objects import OBJECTS, routers
from services.foundation.errors import TurnoutError, Unavailable

# How a service says that something is missing which may come with the same files.
NOT_THERE = {"MODEL_NOT_FOUND"}


async def planned(visit: Visit, objects: Sequence[Declared]) -> list[Change]:
    """A change for each. What a service refuses is a change that is refused; that it cannot be reached ends
    the planning. Raises Unavailable, SettingsError, OSError."""
    coming, found = set[str](), list[Change]()
    for one in objects:
        change = await _planned(visit, one, coming)
        found.append(change)
        if change.action is Action.CREATE:
            coming |= _names(one)
    return found


async def _planned(visit: Visit, one: Declared, coming: set[str]) -> Change:
    plan, _ = OBJECTS[one.section]
    try:
        return await plan(visit, one)
    except Unavailable:
        raise
    except TurnoutError as refused:
        if not _will_be_there(refused, coming):
            return Change(one, None, {}, refused=refused)
        change = Change(one, None, plain(one.message), unchecked=True)
        if one.section == "routers":
            change = await routers.unchecked(visit, one)
        change.notes.append("is checked once what it needs is there")
        return change


def _will_be_there(refused: TurnoutError, coming: set[str]) -> bool:
    """Whether all that is missed comes with the same files."""
    if refused.reason not in NOT_THERE:
        return False
    told = " ".join([refused.message, *(one.description for one in refused.fields)])
    missed = set(re.findall(r"models/[a-z0-9-]+(?:@[a-z0-9-]+)?", told))
    return bool(missed) and missed <= coming


def _names(one: Declared) -> set[str]:
    """What others may call it, its aliases among them."""
    own = [alias if "@" in alias else f"{one.id}@{alias}" for alias in getattr(one.message, "aliases", ())]
    return {one.name, *(f"models/{alias}" for alias in own)}
