"""Versions of fitted meta-models. Coefficients live where they are used: in the router's generations."""

from services.state import ids, panel_keys
from services.state.connection import Connections

# A router that is fitted once a year goes on counting.
LIFETIME_SECONDS = 400 * 86_400


class StackerVersions:
    """Counts up, router by router. Feedback is the only writer. Raises StateUnavailable."""

    def __init__(self, connections: Connections) -> None:
        self._redis = connections.steady

    async def next(self, router_uid: str) -> int:
        """The next version of a router's meta-models, from 1."""
        key = panel_keys.stackers(ids.partition_for(router_uid), router_uid)
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.incr(key)
            pipe.expire(key, LIFETIME_SECONDS)
            version, _ = await pipe.execute()
        return int(version)
