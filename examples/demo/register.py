"""`python -m examples.demo.register ROUTER models/NAME=ADDRESS …` makes the fleet known. Twice is once."""

import asyncio
import sys
from collections.abc import Mapping

from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from examples.fleet.catalog import registration
from services.foundation.client import Client
from services.foundation.configuration import load
from services.foundation.errors import RemoteError
from services.foundation.fellow import fellow
from services.router.settings import RouterSettings

SERVICE = "turnout.router.v1.ModelService"
SECONDS = 20.0


class OtherAddressError(RuntimeError):
    """The model is registered already, and somewhere else."""


async def register(client: Client, models: Mapping[str, str], prefix: str = "") -> None:
    """Register every model (addresses by resource name) under its name with `prefix` before it.

    Raises OtherAddressError for one that is known under another address, and RemoteError.
    """
    for name, address in models.items():
        served = name.removeprefix("models/")
        await register_one(client, f"models/{prefix}{served}", served, address)


async def register_one(client: Client, name: str, served: str, address: str) -> None:
    """The same of one: a model of the fleet, under a name of its own."""
    model = registration(served, address)
    model.name, model.served_name = name, served
    await known(client, model)


async def known(client: Client, model: Model) -> None:
    """The same of one as it is declared."""
    address = model.endpoints[0].address
    try:
        await client.unary(SERVICE, "RegisterModel")(rpc.RegisterModelRequest(model=model), timeout=SECONDS)
    except RemoteError as refused:
        if refused.code != "ALREADY_EXISTS":
            raise
        there_is = await client.unary(SERVICE, "GetModel")(
            rpc.GetModelRequest(name=model.name), timeout=SECONDS
        )
        if [endpoint.address for endpoint in there_is.model.endpoints] != [address]:
            there = ", ".join(endpoint.address for endpoint in there_is.model.endpoints)
            raise OtherAddressError(
                f"{model.name} is registered at {there}, and served at {address}"
            ) from None


async def introduce(router: str, models: Mapping[str, str]) -> None:
    """Register them as what `turnout up` is, a part of the suite: by its service token where access is
    enforced, and by its certificate where one is wanted. Raises what `register` does."""
    client = Client(router, **fellow(load(RouterSettings, "router")))
    try:
        await register(client, models)
    finally:
        await client.close()


if __name__ == "__main__":
    try:
        asyncio.run(introduce(sys.argv[1], dict(told.split("=", 1) for told in sys.argv[2:])))
    except (OtherAddressError, RemoteError) as failed:
        sys.exit(str(failed))
