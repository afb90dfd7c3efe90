"""`python -m services.router`: wiring only."""

import sys
from collections.abc import Sequence

from services.foundation.handlers import Servicer
from services.foundation.process import run_service
from services.foundation.runtime import Runtime
from services.router.assembly import lay, load, manage, servicers
from services.router.settings import RouterSettings


async def build(settings: RouterSettings, runtime: Runtime) -> Sequence[Servicer]:
    """What a router process is made of. Returns once everything that is deployed can be served."""
    ground = lay(settings, runtime)
    permissions = await load(ground)
    return servicers(ground, permissions, manage(ground, permissions))


if __name__ == "__main__":
    sys.exit(run_service("router", RouterSettings, build))
