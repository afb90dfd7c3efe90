"""One grpc.aio server: servicers in, a port out, and a drain that lets calls finish."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool

from services.foundation.access import Access, WrongAccessError, check
from services.foundation.chain import Rig
from services.foundation.gate import Gate
from services.foundation.handlers import Methods, Servicer, handlers_of
from services.foundation.health import HealthServicer, add_health
from services.foundation.identity.certificates import server_credentials
from services.foundation.metrics import Metrics
from services.foundation.reflection import add_reflection
from services.foundation.settings import Settings
from services.foundation.sizes import HEADROOM
from services.foundation.telemetry import Telemetry

# The gate counts calls whose request is here, and says why it refuses. Those that are only opened cost 20 kB
# each and are the transport's to bound: so many times as many in all, and per connection so many.
MOST_OPEN = 10
MOST_STREAMS = 1000
HANDSHAKE_SECONDS = 10


class Server:
    """Serves `services` on one port, with health and reflection beside them (exempt from limits).

    `reuse_port` shares the port with other processes; without it a port that is taken is an error at start.
    `access` guards every method (and reflection, which only tells who says who he is); without it everybody
    may do everything, which settings that enforce access do not allow. Reflection also tells of `described`
    services, which are served elsewhere.
    """

    def __init__(
        self,
        services: Sequence[Servicer],
        settings: Settings,
        *,
        telemetry: Telemetry | None = None,
        metrics: Metrics | None = None,
        pool: DescriptorPool | None = None,
        reuse_port: bool = False,
        rng: random.Random | None = None,
        access: Access | None = None,
        described: Sequence[str] = (),
    ) -> None:
        check(settings)
        if settings.access_mode == "enforced" and access is None:
            raise WrongAccessError(
                "access_mode = enforced, and this server was given nothing to enforce it by"
            )
        self._access = access
        rng = rng or random.Random()
        self.metrics = metrics or Metrics()
        self.health = HealthServicer([servicer.SERVICE for servicer in services])
        self._settings = settings
        self.gate = Gate(settings.concurrency, retry_seconds=settings.shed_retry_seconds, rng=rng)
        most = MOST_OPEN * settings.concurrency
        self._server = grpc.aio.server(options=_options(settings, reuse_port), maximum_concurrent_rpcs=most)
        self._described = described
        self._register(services, self._rig(telemetry or Telemetry(rng=rng)), pool)
        self.port = 0

    def _rig(self, telemetry: Telemetry) -> Rig:
        told = self._settings
        return Rig(
            telemetry,
            self.metrics,
            self.gate,
            told.method_concurrency,
            told.method_limits,
            told.default_deadline_seconds,
            told.stream_deadline_seconds,
            told.message_bytes,
        )

    def _register(self, services: Sequence[Servicer], rig: Rig, pool: DescriptorPool | None) -> None:
        table: dict[str, Any] = {}
        for servicer in services:
            table |= handlers_of(servicer, rig, pool, self._access)
        self._server.add_generic_rpc_handlers((Methods(table),))
        for name in sorted(rig.method_limits.keys() - {path[1:] for path in table}):
            raise ValueError(
                f"method_limits: {name} is no method of this server; write package.Service/Method"
            )
        add_health(self._server, self.health)
        told = [*(servicer.SERVICE for servicer in services), *self._described]
        add_reflection(self._server, told, pool, self._access)

    async def start(self) -> int:
        """Listen, turn healthy, and return the port. Raises RuntimeError when the port is taken."""
        told = self._settings
        address = f"{told.host}:{told.port}"
        if told.tls_certificate:
            files = (told.tls_certificate, told.tls_key, told.tls_client_authorities)
            self.port = self._server.add_secure_port(address, server_credentials(*files))
        else:
            self.port = self._server.add_insecure_port(address)
        await self._server.start()
        self.health.serving(True)
        return self.port

    @property
    def address(self) -> str:
        """host:port, once started."""
        return f"{self._settings.host}:{self.port}"

    async def drain(self) -> None:
        """Say NOT_SERVING, wait for the news to spread, end watches, let calls finish; then the port is
        closed."""
        self.health.serving(False)
        await asyncio.sleep(self._settings.drain_notice_seconds)
        self.health.end_watches()
        await self._server.stop(self._settings.drain_seconds)

    async def stop(self) -> None:
        """Stop at once, also in the middle of a drain: calls in flight are cut."""
        self.health.end_watches()
        await self._server.stop(None)


def _options(settings: Settings, reuse_port: bool) -> list[tuple[str, int]]:
    age = int(settings.connection_age_seconds * 1000)
    return [
        ("grpc.so_reuseport", int(reuse_port)),
        ("grpc.max_receive_message_length", HEADROOM * settings.message_bytes),
        ("grpc.max_send_message_length", settings.message_bytes),
        ("grpc.max_connection_age_ms", age),
        # Streams get their own deadline, not the connection's: an old connection stays for those it carries.
        ("grpc.max_connection_age_grace_ms", int(settings.stream_deadline_seconds * 1000)),
        ("grpc.max_concurrent_streams", max(MOST_STREAMS, 2 * settings.concurrency)),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_SECONDS * 1000),
        # The library tolerates one ping in five minutes and then hangs up; our clients ping each 30 s.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
