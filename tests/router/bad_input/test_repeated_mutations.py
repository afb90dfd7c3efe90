"""A request id counts once: the same request again answers the same, and another one is refused by name."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from turnout.router.v1 import model_service_pb2, router_service_pb2

from examples.fleet.catalog import registration
from services.state import keys
from services.state.configs import ConfigStore
from services.state.once import Once
from tests.router.bad_input.conftest import Office, Told, stored
from tests.router.bad_input.mutations import MUTATIONS, NOBODYS, Mutation
from tests.router.conftest import doctors

REQUEST_ID = "0f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c001"
PENDING = Path(__file__).parents[2] / "contract/pending.txt"

every_mutation = pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)


def test_every_mutation_with_a_request_id_is_here() -> None:
    """Whoever builds another one adds it to the table; an import is proven beside its registry."""
    pending = set(PENDING.read_text().split())
    built = {
        f"{service.name}/{method.name}"
        for file in (model_service_pb2, router_service_pb2)
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if "request_id" in method.input_type.fields_by_name
        and f"{service.full_name}/{method.name}" not in pending
    }
    assert built == {*MUTATIONS, "ModelService/ImportModels"}


async def resources(office: Office) -> dict[bytes, bytes]:
    """What is stored but the news of it, which may be told twice."""
    return {key: value for key, value in (await stored(office.redis)).items() if key != NEWS}


NEWS = keys.catalog_changes().encode()


@every_mutation
async def test_the_same_request_again_answers_the_same_and_changes_nothing(
    office: Office, mutation: Mutation
) -> None:
    await mutation.prepare(office)
    first = await office.manage(mutation.method, **mutation.changes, request_id=REQUEST_ID)
    once = await resources(office)
    for _ in range(2):
        again = await office.manage(mutation.method, **mutation.changes, request_id=REQUEST_ID)
        assert again == first
        assert await resources(office) == once


@every_mutation
async def test_sent_again_while_the_first_is_being_done_it_answers_the_same(
    office: Office, mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one looks for an answer before there is one, and at the resource after the first one has
    changed it."""
    await mutation.prepare(office)
    first = await office.manage(mutation.method, **mutation.changes, request_id=REQUEST_ID)
    once, known, asked = await resources(office), ConfigStore.repeated, list[bool]()

    async def repeated(store: ConfigStore[Any], change: Once | None) -> Any:
        asked.append(True)
        return None if len(asked) == 1 else await known(store, change)

    monkeypatch.setattr(ConfigStore, "repeated", repeated)
    again = await office.manage(mutation.method, **mutation.changes, request_id=REQUEST_ID)
    if mutation.method not in DEPLOYING:
        assert again == first
    assert await resources(office) == once


@every_mutation
async def test_the_same_id_for_another_request_is_refused_by_name(office: Office, mutation: Mutation) -> None:
    await mutation.prepare(office)
    await office.manage(mutation.method, **mutation.changes, request_id=REQUEST_ID)
    told = await office.refuse(mutation.method, **mutation.other, request_id=REQUEST_ID)
    said = f"request_id {REQUEST_ID} was used for a different request"
    assert told == Told("ALREADY_EXISTS", "REQUEST_ID_REUSED", ["request_id"], said)


@every_mutation
async def test_sent_many_times_at_once_it_happens_once(office: Office, mutation: Mutation) -> None:
    await mutation.prepare(office)
    before = await office.manage("RouterService/ListRouters", show_deleted=True)
    sent = (office.manage(mutation.method, **mutation.changes, request_id=REQUEST_ID) for _ in range(4))
    first, *others = await asyncio.gather(*sent)
    after = await office.manage("RouterService/ListRouters", show_deleted=True)
    if mutation.method not in DEPLOYING:
        # A deployment answers how far it has come by then.
        assert others == [first] * 3
    for one in after.routers:
        was = next((known.generation for known in before.routers if known.name == one.name), 0)
        assert one.generation <= was + 1
    assert len(after.routers) <= 1


DEPLOYING = ("RouterService/DeployRouter", "RouterService/StartRouter")


async def test_an_id_of_one_method_is_not_for_another(office: Office) -> None:
    made = await office.desk.create("cancer", doctors())
    weights = {"cancer-bayes": 5.0}
    await office.manage("RouterService/SetWeights", name="cancer", weights=weights, request_id=REQUEST_ID)
    told = await office.refuse("RouterService/StopRouter", name="cancer", request_id=REQUEST_ID)
    assert told.reason == "REQUEST_ID_REUSED"
    assert (await office.manage("RouterService/GetRouter", name="cancer")).router.uid == made.uid


async def test_a_creation_sent_again_answers_the_same_although_its_model_is_gone_by_then(
    office: Office,
) -> None:
    creation = MUTATIONS["RouterService/CreateRouter"]
    first = await office.manage(creation.method, **creation.changes, request_id=REQUEST_ID)
    await office.manage("RouterService/DeleteRouter", name="cancer")
    await office.manage("ModelService/DeleteModel", name="cancer-bayes")
    assert await office.manage(creation.method, **creation.changes, request_id=REQUEST_ID) == first
    assert not (await office.manage("RouterService/ListRouters")).routers


async def test_a_deletion_sent_again_leaves_the_next_model_of_that_name_alone(office: Office) -> None:
    first = await office.manage("ModelService/DeleteModel", name="cancer-bayes", request_id=REQUEST_ID)
    new = await office.desk.register(registration("cancer-bayes", NOBODYS))
    await office.desk.create("cancer", doctors())
    again = await office.manage("ModelService/DeleteModel", name="cancer-bayes", request_id=REQUEST_ID)
    assert again == first
    assert (await office.manage("ModelService/GetModel", name="cancer-bayes")).model == new


async def test_an_id_that_is_too_long_is_refused_by_name(office: Office) -> None:
    told = await office.refuse(
        "RouterService/CreateRouter", router_id="cancer", router=doctors(), request_id="x" * 65
    )
    said = "request_id is longer than 64 characters"
    assert told == Told("INVALID_ARGUMENT", "INVALID_ARGUMENT", ["request_id"], said)
