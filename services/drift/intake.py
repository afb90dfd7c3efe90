"""What comes into drift by its own door: predictions made elsewhere, and ground truth."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from services.drift.listing.door import Listing
from services.drift.listing.users import Users
from services.drift.logging.door import Demand, Door, nothing
from services.drift.logging.streams import Streams
from services.drift.truths.adding import May, Truths
from services.drift.truths.finding import Finder
from services.drift.uploads.door import Uploads
from services.foundation.call import Call
from services.foundation.rules import Role
from services.state.attribution import AttributionIndex
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.ids import new_uid
from services.state.kinds import MODELS, ROUTERS
from services.state.outside import OutsideLog
from services.state.permissions import CatalogPermissions
from services.state.records import RETENTION_SECONDS, RecordStore
from services.state.truth import TruthLog
from services.state.truths import TruthReader
from services.state.uploads import UploadStore


@dataclass(frozen=True, slots=True)
class Intake:
    """The doors. permissions: None where access is open."""

    door: Door
    streams: Streams
    listing: Listing
    truths: Truths
    uploads: Uploads
    permissions: CatalogPermissions | None = None

    def may(self, call: Call, role: Role = Role.PREDICTOR) -> May:
        """Whether the caller is so much to what made a prediction; None where everybody is."""
        if self.permissions is None or call.caller.admin:
            return None
        return self.permissions.on_predictions(call.caller, role)

    def demand(self, call: Call) -> Demand:
        """Raises for models that the caller may not log predictions for."""
        permissions = self.permissions
        if permissions is None or call.caller.admin:
            return nothing
        return lambda model: permissions.require(call.caller, Role.PREDICTOR, "models", model, "model")


def intake_of(
    connections: Connections,
    now: Callable[[], float],
    rng: random.Random,
    permissions: CatalogPermissions | None = None,
    kept: Callable[[str], float] = lambda _uid: RETENTION_SECONDS,
) -> Intake:
    """The doors on their stores. `kept`: for how many seconds records are, by uid of the router or model."""
    records, log = RecordStore(connections), TruthLog(connections)
    routers, models = ConfigReader(connections, ROUTERS, now), ConfigReader(connections, MODELS, now)
    finder = Finder(routers, models, AttributionIndex(connections), now)
    door = Door(models, OutsideLog(connections, new_uid(now(), rng)), now, rng)
    listing = Listing(routers, records, Users(connections), TruthReader(connections), now)
    truths = Truths(log, records, finder, now, kept)
    uploads = Uploads(truths, UploadStore(connections), now, rng)
    return Intake(door, Streams(door), listing, truths, uploads, permissions)
