"""`python -m services.gateway`: wiring only."""

import sys
import time
from collections.abc import Sequence

from services.foundation.access import Check, check
from services.foundation.handlers import Servicer
from services.foundation.process import run_service
from services.foundation.rules import Rule
from services.foundation.runtime import Runtime
from services.gateway.contract import read
from services.gateway.door import Door
from services.gateway.numbers import EnvoyNumbers
from services.gateway.settings import GatewaySettings
from services.state.api_keys import ApiKeyStore
from services.state.connection import connect
from services.state.key_ring import KeyRing


class NothingToPermit:
    """Our server has no method: it says what there is, to whoever says who he is."""

    def check_of(self, method: str, rule: Rule) -> Check:
        """Raises ValueError, always."""
        raise ValueError(f"{method} ({rule}) is no method of the gateway")


async def build(settings: GatewaySettings, runtime: Runtime) -> Sequence[Servicer]:
    """What a gateway process is made of. It serves nothing itself but reflection and health."""
    check(settings)
    if settings.access_mode == "enforced":
        connections = connect(settings.redis_url)
        runtime.on_close(connections.close)
        ring = KeyRing(connections, ApiKeyStore(connections, time.time), runtime.rng)
        runtime.guard(settings, ring, NothingToPermit())
        runtime.spawn(ring.run(), "api keys")
    door = Door(settings, read(), died=lambda: runtime.stop(1))
    runtime.on_close(door.end)
    if settings.tls_certificate or settings.tls_authorities:
        runtime.spawn(door.renew_certificates(), "certificates")
    runtime.metrics.registry.register(EnvoyNumbers(lambda: door.envoy.admin))
    runtime.front = door
    return []


if __name__ == "__main__":
    sys.exit(run_service("gateway", GatewaySettings, build, alone=True))
