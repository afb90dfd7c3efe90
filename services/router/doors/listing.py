"""Which routers there are, as the index of a model repository."""

from inference.open_inference_pb2 import RepositoryIndexResponse
from turnout.router.v1.router_pb2 import Router

from services.foundation.identity.caller import Caller
from services.router.managing.lifecycle import SERVING, told
from services.router.serving.snapshot import Snapshot
from services.state.catalog import CatalogFollower
from services.state.names import id_of
from services.state.permissions import CatalogPermissions

# Triton's words.
READY, LOADING, UNAVAILABLE = "READY", "LOADING", "UNAVAILABLE"


class Listing:
    """From memory: what this process knows of the catalog, and what of it it serves."""

    def __init__(self, catalog: CatalogFollower, snapshot: Snapshot, permissions: CatalogPermissions) -> None:
        self._catalog = catalog
        self._snapshot = snapshot
        self._permissions = permissions

    def index(self, caller: Caller, *, ready: bool) -> RepositoryIndexResponse:
        """The routers that the caller may see, by id; `ready` leaves out those that do not serve."""
        visible, served = self._permissions.visible(caller), self._snapshot.generations
        reply = RepositoryIndexResponse()
        for name, router in sorted(self._catalog.routers.by_name.items()):
            if not visible(router):
                continue
            state, reason = self._state(router, served.get(name))
            if state == READY or not ready:
                version = str(served.get(name) or router.generation)
                reply.models.add(name=id_of(name), version=version, state=state, reason=reason)
        return reply

    def _state(self, router: Router, served: int | None) -> tuple[str, str]:
        error = self._snapshot.errors.get(router.name, "")
        if served is not None:
            return READY, error
        if router.state in SERVING and not error:
            return LOADING, "this replica has not loaded it yet"
        return UNAVAILABLE, error or router.state_message or f"it is {told(router.state)}"
