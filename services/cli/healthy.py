"""`python -m services.cli.healthy HOST:PORT` exits with 0 if the server there serves: for containers."""

import asyncio
import sys

from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.health import SERVICE

SECONDS = 2.0
# HealthCheckRequest of the whole server, and HealthCheckResponse {status: SERVING}, on the wire.
WHOLE_SERVER, SERVING = b"", b"\x08\x01"


async def healthy(address: str) -> bool:
    """Whether the server answers, and says SERVING."""
    client = Client(address)
    try:
        reply: bytes = await client.unary(SERVICE, "Check", raw=True)(WHOLE_SERVER, timeout=SECONDS)
        return reply == SERVING
    except RemoteError:
        return False
    finally:
        await client.close()


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(healthy(sys.argv[1])) else 1)
