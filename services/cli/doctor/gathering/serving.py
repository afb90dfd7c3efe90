"""Does a service answer, how soon, and with which certificate?"""

import time

from services.cli.doctor.facts import Service
from services.cli.doctor.gathering import handshake
from services.cli.settings import CliSettings
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from services.foundation.fellow import fellow
from services.foundation.health import SERVICE
from services.foundation.wording import plain

SECONDS = 3.0
# HealthCheckRequest of the whole server, and the byte of a HealthCheckResponse that is the status.
WHOLE_SERVER = b""
STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def ask(name: str, address: str, settings: CliSettings) -> Service:
    """What its health says; the certificate of a server that speaks TLS."""
    shown = await handshake.shown(address, settings.tls_authorities)
    client = Client(address, credentials=fellow(settings)["credentials"])
    since = time.perf_counter()
    try:
        reply: bytes = await client.unary(SERVICE, "Check", raw=True)(WHOLE_SERVER, timeout=SECONDS)
        taken = (time.perf_counter() - since) * 1000
        status = STATUSES.get(reply[1] if len(reply) > 1 else 0, "UNKNOWN")
        return Service(name, address, status, "", taken, shown)
    except RemoteError as failed:
        why = await handshake.hindrance(address, settings) or plain(failed.message).partition("\n")[0][:200]
        return Service(name, address, "", why, 0.0, shown)
    finally:
        await client.close()
