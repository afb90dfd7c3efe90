"""What the router's environment holds is sent nowhere that an administrator has not said."""

import pytest
from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT, Model

from services.foundation.errors import RemoteError
from tests.access.house import House

SECRET = "env:REDIS_URL"  # noqa: S105


def asked(name: str) -> models.RegisterModelRequest:
    model = Model(
        name=f"models/{name}",
        protocol=PROTOCOL_OPENAI_CHAT,
        endpoints=[{"address": "http://127.0.0.1:9/v1"}],
        timeout={"seconds": 1},
        secret_ref=SECRET,
    )
    return models.RegisterModelRequest(model=model)


async def test_only_an_administrator_says_where_a_secret_goes(house: House) -> None:
    with pytest.raises(RemoteError) as refused:
        await house.call("stranger", "ModelService/RegisterModel", asked("mine"))
    assert (refused.value.code, refused.value.reason) == ("PERMISSION_DENIED", "PERMISSION_DENIED")
    assert "administrator" in refused.value.message
    assert (await house.call("admin", "ModelService/RegisterModel", asked("ours"))).model.secret_ref == SECRET


async def test_a_model_of_ones_own_is_not_given_a_secret_afterwards(house: House) -> None:
    plain = asked("mine")
    plain.model.secret_ref = ""
    await house.call("stranger", "ModelService/RegisterModel", plain)
    change = models.UpdateModelRequest(model=Model(name="models/mine", secret_ref=SECRET))
    with pytest.raises(RemoteError) as refused:
        await house.call("stranger", "ModelService/UpdateModel", change)
    assert refused.value.code == "PERMISSION_DENIED"
