"""Models and the suite's own network: no registration leads to the credentials of the machine."""

from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from turnout.router.v1.model_pb2 import (
    PROTOCOL_OIP_GRPC,
    PROTOCOL_OPENAI_CHAT,
    PROTOCOL_OPENAI_EMBEDDINGS,
    Model,
)

from services.models import connections as opening
from services.models.answer import CallFailed
from services.models.connections import Connections
from services.models.errors import InvalidModel
from services.models.http import exchange
from services.models.reach import ForbiddenAddressError, GuardedResolver, forbidden
from services.models.registration import compile_model

HOSTS = (
    "169.254.169.254",
    "169.254.170.2",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "100.100.100.200",
    "metadata.google.internal",
    "Metadata.Google.Internal.",
)


class Named(AbstractResolver):
    """Every name leads to one address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=self._address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("protocol", [PROTOCOL_OIP_GRPC, PROTOCOL_OPENAI_CHAT, PROTOCOL_OPENAI_EMBEDDINGS])
def test_a_model_is_not_registered_where_credentials_are_given_out(protocol: Any, host: str) -> None:
    address = f"{host}:80" if protocol == PROTOCOL_OIP_GRPC else f"http://{host}:80/latest"
    model = Model(name="models/m", protocol=protocol, timeout={"seconds": 1})
    model.endpoints.add(
        address="good.example:1" if protocol == PROTOCOL_OIP_GRPC else "http://good.example/v1"
    )
    model.endpoints.add(address=address)
    with pytest.raises(InvalidModel) as caught:
        compile_model(model)
    assert "model.endpoints[1].address" in [one.field for one in caught.value.fields]


@pytest.mark.parametrize(
    "address", ["10.0.0.7:80", "http://127.0.0.1:8000/v1", "models.internal:80", "[::1]:1"]
)
def test_where_models_live_is_fine(address: str) -> None:
    assert not forbidden(address)


async def test_a_name_that_leads_there_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "GuardedResolver", lambda: GuardedResolver(Named("169.254.169.254")))
    connections = Connections({})
    with pytest.raises(CallFailed, match="metadata service") as caught:
        await exchange(connections, "GET", "http://innocent.example/latest", None, {}, 5)
    await connections.close()
    assert caught.value.code == "UNAVAILABLE"


async def test_a_number_is_resolved_and_refused() -> None:
    """It is another way to write 169.254.169.254."""
    with pytest.raises(ForbiddenAddressError):
        await GuardedResolver().resolve("2852039166", 80)


async def test_of_several_addresses_the_others_are_called() -> None:
    class Both(Named):
        async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
            good = await Named("10.0.0.7").resolve(host, port, family)
            return [*await super().resolve(host, port, family), *good]

    found = await GuardedResolver(Both("169.254.169.254")).resolve("both.example", 80)
    assert [one["host"] for one in found] == ["10.0.0.7"]
