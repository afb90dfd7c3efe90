"""What makes baselines, on its stores."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from services.drift.baseline_store import BaselineStore
from services.drift.listing.users import Users
from services.drift.making.maker import Maker
from services.drift.making.uploads import Uploads
from services.drift.making.windows import Windows
from services.drift.profile_store import ProfileStore
from services.state.connection import Connections
from services.state.records import RecordStore


@dataclass(frozen=True, slots=True)
class Making:
    """The ways that baselines come to be."""

    maker: Maker
    uploads: Uploads
    windows: Windows


def making_of(connections: Connections, now: Callable[[], float], rng: random.Random) -> Making:
    """The ways on their stores. `now` is in seconds since 1970."""
    baselines = BaselineStore(connections)
    maker = Maker(baselines, now, rng)
    windows = Windows(baselines, ProfileStore(connections), RecordStore(connections), Users(connections), now)
    return Making(maker, Uploads(maker), windows)
