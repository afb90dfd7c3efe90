"""How a process that follows the catalog guards its methods."""

import time
from collections.abc import Callable

from services.foundation.runtime import Runtime
from services.foundation.settings import Settings
from services.state.api_keys import ApiKeyStore
from services.state.catalog import CatalogFollower
from services.state.connection import Connections
from services.state.key_ring import KeyRing
from services.state.permissions import CatalogPermissions


def guarded(
    settings: Settings,
    runtime: Runtime,
    connections: Connections,
    catalog: CatalogFollower,
    now: Callable[[], float] = time.time,
) -> CatalogPermissions:
    """Guard the server's methods where `settings` enforce access, and follow the API keys then. Returns what
    servicers ask about items and lists; where access is open it allows everything.

    Raises WrongAccessError.
    """
    permissions = CatalogPermissions(connections, catalog, now)
    ring = KeyRing(connections, ApiKeyStore(connections, now), runtime.rng)
    if runtime.guard(settings, ring, permissions):
        runtime.spawn(ring.run(), "api keys")
    return permissions
