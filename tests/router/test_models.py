"""ModelService over a real channel."""

from typing import Any

import pytest
from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from examples.fleet.catalog import registration
from services.foundation.errors import RemoteError
from tests.router.conftest import BAYES, Desk, doctors


async def service(desk: Desk, method: str, **fields: Any) -> Any:
    return await desk.call(f"ModelService/{method}", getattr(rpc, f"{method}Request")(**fields))


async def refusal(desk: Desk, method: str, **fields: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        await service(desk, method, **fields)
    return caught.value


async def test_registered_read_and_listed(desk: Desk) -> None:
    read = (await service(desk, "GetModel", name="cancer-bayes")).model
    assert read.uid
    assert read.name == "models/cancer-bayes"
    listed = (await service(desk, "ListModels")).models
    assert [model.name for model in listed] == ["models/cancer-bayes", "models/cancer-stump"]


async def test_a_registration_that_cannot_work_names_every_field(desk: Desk) -> None:
    model = Model(name="models/odd")
    error = await refusal(desk, "RegisterModel", model=model)
    assert error.code == "INVALID_ARGUMENT"
    assert {"model.protocol", "model.endpoints", "model.timeout"} <= {one.field for one in error.fields}
    assert (await refusal(desk, "GetModel", name="odd")).reason == "MODEL_NOT_FOUND"


async def test_a_bad_id_is_refused(desk: Desk) -> None:
    model = registration("cancer-bayes", "127.0.0.1:1")
    model.name = ""
    error = await refusal(desk, "RegisterModel", model=model, model_id="Not An Id")
    assert [field.field for field in error.fields] == ["model_id"]


async def test_a_probe_says_what_the_model_takes_and_answers(desk: Desk) -> None:
    request: dict[str, Any] = {"name": "cancer-bayes", "input": {"row": BAYES}}
    seen = await service(desk, "ProbeModel", **request)
    assert seen.ready
    assert seen.inputs[0].name == "input"
    assert seen.output.classification.label in ("benign", "malignant")


async def test_a_probe_of_a_dead_model_says_what_is_wrong(desk: Desk) -> None:
    await desk.servers["cancer-stump"].drain(grace=0)
    seen = await service(desk, "ProbeModel", name="cancer-stump")
    assert not seen.ready
    assert desk.servers["cancer-stump"].address in seen.message


async def test_a_model_in_use_is_not_forgotten(desk: Desk) -> None:
    await desk.create("cancer", doctors())
    error = await refusal(desk, "DeleteModel", name="cancer-bayes")
    assert (error.code, error.reason) == ("FAILED_PRECONDITION", "MODEL_IN_USE")
    assert "routers/cancer" in error.message


async def test_an_unused_model_is_forgotten(desk: Desk) -> None:
    await service(desk, "DeleteModel", name="cancer-bayes")
    assert (await refusal(desk, "GetModel", name="cancer-bayes")).reason == "MODEL_NOT_FOUND"
