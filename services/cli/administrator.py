"""`python -m services.cli.administrator ROUTER FILE` makes an administrator's key, unless there is one.

The key is written to FILE, which only its owner can read; a FILE of a key that is no more is removed.
"""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from turnout.router.v1 import access_service_pb2 as rpc

from services.foundation.client import Client
from services.foundation.configuration import load
from services.foundation.errors import RemoteError
from services.foundation.fellow import fellow
from services.foundation.identity.api_keys import id_in
from services.router.settings import RouterSettings

SERVICE = "turnout.router.v1.AccessService"
SECONDS = 20.0
USER = "admin"


async def introduce(client: Client, file: Path, now: float) -> None:
    """As said above; `now` in seconds since 1970. Raises RemoteError, OSError."""
    held = [key for key in await _keys(client) if not 0 < key.expire_time.seconds <= now]
    _clear(file, [key.id for key in held])
    if any(key.admin for key in held):
        return
    request = rpc.CreateApiKeyRequest(user=USER, admin=True, description="the first one, of `turnout up`")
    made = await client.unary(SERVICE, "CreateApiKey")(request, timeout=SECONDS)
    _write(file, made.secret)


async def _keys(client: Client) -> Sequence[rpc.ApiKey]:
    """Every key of the deployment."""
    found: list[rpc.ApiKey] = []
    token = ""
    while True:
        request = rpc.ListApiKeysRequest(page_size=1000, page_token=token)
        page = await client.unary(SERVICE, "ListApiKeys")(request, timeout=SECONDS)
        found += page.keys
        if not (token := page.next_page_token):
            return found


def _clear(file: Path, known: Sequence[str]) -> None:
    if file.exists() and id_in(file.read_text().strip()) not in known:
        file.unlink()


def _write(file: Path, secret: str) -> None:
    # Created as what it shall be: between a creation and a change of its mode others could open it.
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w") as out:
        out.write(f"{secret}\n")


async def _main(router: str, file: Path) -> None:
    client = Client(router, **fellow(load(RouterSettings, "router")))
    try:
        await introduce(client, file, time.time())
    finally:
        await client.close()


if __name__ == "__main__":
    try:
        asyncio.run(_main(sys.argv[1], Path(sys.argv[2])))
    except (RemoteError, OSError) as failed:
        sys.exit(str(failed))
