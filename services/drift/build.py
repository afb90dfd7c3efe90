"""What a drift process is made of, from its connections."""

import random
from collections.abc import Callable

from services.drift.baseline_store import BaselineStore
from services.drift.profile_store import ProfileStore
from services.drift.result_store import ResultStore
from services.drift.servicer import DriftServicer
from services.drift.truths import Truths
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.kinds import MODELS
from services.state.truth import TruthLog


def servicer_of(connections: Connections, now: Callable[[], float], rng: random.Random) -> DriftServicer:
    """The servicer on its stores."""
    return DriftServicer(
        ConfigReader(connections, MODELS, now),
        BaselineStore(connections),
        ProfileStore(connections),
        ResultStore(connections),
        Truths(TruthLog(connections), now),
        now,
        rng,
    )
