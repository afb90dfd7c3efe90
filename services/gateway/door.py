"""The gateway's life: its files are written, Envoy takes calls, and ends when told."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from services.foundation.identity.pem_files import PemFiles
from services.foundation.logs import log
from services.foundation.settings import Settings
from services.gateway.bootstrap import LOOPBACK, bootstrap
from services.gateway.contract import Contract
from services.gateway.envoy import Envoy, find
from services.gateway.listener import LISTENER
from services.gateway.openapi.document import document
from services.gateway.page import page
from services.gateway.secrets import secrets
from services.gateway.settings import GatewaySettings

# How long a start waits for services that are not up yet; calls to them fail until they are.
PATIENCE_SECONDS = 10.0
POLL_SECONDS = 0.05
# How soon new certificates are used.
LOOK_SECONDS = 1.0


class Door:
    """What stands before our server, which tells of the contract. `died` is told when Envoy ends by itself;
    a start waits for `patience` seconds until all services are well."""

    def __init__(
        self,
        settings: GatewaySettings,
        contract: Contract,
        died: Callable[[], None],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._throw_away = not settings.directory
        directory = settings.directory or tempfile.mkdtemp(prefix="turnout-gateway-")
        self._directory = Path(directory)
        self._settings = settings.model_copy(update={"directory": directory})
        self._contract = contract
        self._patience = patience
        told = settings
        self._pem = (
            PemFiles(told.tls_certificate, told.tls_key, told.tls_client_authorities),
            PemFiles(authorities=told.tls_authorities),
        )
        self.described = sorted(contract.clusters)
        self.pool = contract.pool
        self.envoy = Envoy(find(settings.envoy), self._directory, threads=settings.workers, died=died)

    def behind(self) -> Settings:
        """Our own server is Envoy's alone: on loopback, and without TLS."""
        plain = {"tls_certificate": "", "tls_key": "", "tls_client_authorities": ""}
        return self._settings.model_copy(update={"host": LOOPBACK, "port": 0, **plain})

    async def open(self, address: str) -> str:
        """Start Envoy before the services and before our server at `address`; its URL. Raises EnvoyFailed,
        WrongAddress, OSError, BadCertificate."""
        told = self._settings
        self._directory.mkdir(parents=True, exist_ok=True)
        for files in self._pem:
            files.read()
        self._write_secrets()
        host, _, port = address.rpartition(":")
        config = bootstrap(self._contract, told, (host, int(port)), self._documents())
        await self.envoy.start(config, told.drain_seconds)
        await self._until_healthy()
        scheme = "https" if told.tls_certificate else "http"
        return f"{scheme}://{told.host}:{await self.envoy.port_of(LISTENER)}"

    async def close(self) -> None:
        """Let calls end, then end Envoy, if it still runs."""
        told = self._settings
        if self.envoy.pid is None:
            return
        await self.envoy.drain(
            told.drain_notice_seconds, told.drain_seconds, f"http.{LISTENER}.downstream_rq_active"
        )
        await self.envoy.stop()

    async def end(self) -> None:
        """Whatever happened: nothing of it is left."""
        await self.envoy.stop()
        if self._throw_away:
            shutil.rmtree(self._directory, ignore_errors=True)

    async def renew_certificates(self) -> None:
        """Have Envoy read the certificates again whenever their files change, and fit together."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # Both are asked, whatever the first says: each tells what is wrong with its files.
            renewed = [files.renewed() for files in self._pem]
            if renewed != [None, None]:
                self._write_secrets()

    def _write_secrets(self) -> None:
        for name, content in secrets(self._settings).items():
            draft = self._directory / f".{name}.draft"
            draft.write_text(json.dumps(content))
            # Envoy looks when a file is moved here, not when one is written.
            draft.replace(self._directory / f"{name}.json")

    def _documents(self) -> dict[str, tuple[str, str]]:
        made = document(self._contract)
        texts = {
            "/": ("text/html; charset=utf-8", "index.html", page(made)),
            "/openapi.json": ("application/json", "openapi.json", json.dumps(made)),
        }
        for _, name, text in texts.values():
            (self._directory / name).write_text(text)
        return {path: (kind, str(self._directory / name)) for path, (kind, name, _) in texts.items()}

    async def _until_healthy(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                while not await self.envoy.all_healthy():  # noqa: ASYNC110 - another process is asked
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            log.warning("taking calls before every service is up", waited_seconds=self._patience)
