"""What may stand before a server and take its place towards callers: a proxy that passes calls on to it."""

from collections.abc import Sequence
from typing import Protocol

from google.protobuf.descriptor_pool import DescriptorPool

from services.foundation.settings import Settings


class Front(Protocol):
    """Given to a `Runtime` by the build of a service."""

    @property
    def described(self) -> Sequence[str]:
        """Services that reflection tells of beside the server's own."""

    @property
    def pool(self) -> DescriptorPool:
        """Where they are described."""

    def behind(self) -> Settings:
        """What the server itself is told, such as where it listens now."""

    async def open(self, address: str) -> str:
        """Begin to take calls; the server is at `address`. Returns where callers find us."""

    async def close(self) -> None:
        """Take no more calls, and let those in flight end."""
