"""What a controller needs of the suite: whose wishes it carries out, and whether it is its turn."""

from collections.abc import Mapping
from typing import Protocol

from services.deploy.rollout.verdict import Verdict
from services.deploy.steps import Wish


class Register(Protocol):
    """Where wishes are stored, and what became of them."""

    def wishes(self) -> Mapping[str, Wish]:
        """What is wished, by the router's uid."""

    async def gone(self, uid: str) -> bool:
        """Whether the router is known to want no pods any more: deleted, or deployed elsewhere. One that was
        never heard of is not."""

    async def tell(self, uid: str, told: Verdict, endpoint: str) -> str | None:
        """How a rollout stands. Returns the router's new stamp, None if nothing was to be written."""


class Leadership(Protocol):
    """Who acts: one process at a time."""

    async def held(self) -> bool:
        """Whether it is this one, now and for some seconds."""
