"""ImportModels: what a registry has becomes models and aliases; again, nothing changes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from turnout.router.v1 import model_pb2
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import registration
from tests.router.conftest import Desk
from tests.router.registries.mlflow_server import MlflowServer, history, mlflow_server
from tests.router.resource.asking import ask, fields_of, read, refusal

REQUEST_ID = "6f0e4a44-8f6f-4f39-9d3e-1a3f6ad0c0aa"
ALL = "IMPORT_VERSIONS_ALL"
LATEST = "IMPORT_VERSIONS_LATEST"


@pytest.fixture
async def registry() -> AsyncIterator[MlflowServer]:
    async with mlflow_server() as server:
        yield server


def template(**more: Any) -> Model:
    made = Model(
        protocol=model_pb2.PROTOCOL_OIP_GRPC, endpoints=[{"address": "{name}-{version}.models:9000"}]
    )
    made.timeout.FromMilliseconds(500)
    made.MergeFrom(Model(**more))
    return made


async def bring(desk: Desk, registry: MlflowServer, **how: Any) -> Any:
    how = {"template": template(), **how}
    return await ask(desk, "ModelService/ImportModels", registry_uri=registry.uri, **how)


async def refused(desk: Desk, registry: MlflowServer, **how: Any) -> Any:
    how = {"template": template(), "registry_uri": registry.uri, **how}
    return await refusal(desk, "ModelService/ImportModels", **how)


async def model(desk: Desk, name: str) -> Model:
    return (await ask(desk, "ModelService/GetModel", name=name)).model  # type: ignore[no-any-return]


async def test_versions_with_aliases_become_models(desk: Desk, registry: MlflowServer) -> None:
    registry.add("Churn Model", "2")
    registry.add("Churn Model", "3", ("champion",), tags={"turnout.family": "trees"})
    told = await bring(desk, registry)
    assert (list(told.created), list(told.updated)) == (["models/churn-model-v3"], [])
    made = await model(desk, "churn-model-v3")
    assert (made.version, made.display_name) == ("3", "Churn Model version 3")
    assert (made.served_name, made.family) == ("Churn Model", "trees")
    assert [one.address for one in made.endpoints] == ["churn-model-3.models:9000"]
    assert list(made.aliases) == ["churn-model@champion"]
    assert list(told.models) == [made]
    assert list(told.warnings) == ["Churn Model version 3: no run is named that could tell its signature"]
    (event, *_) = (await ask(desk, "ListAuditEvents", resource=made.name)).events
    assert event.method == "ImportModels"


async def test_again_nothing_changes(desk: Desk, registry: MlflowServer) -> None:
    registry.add("churn", "3", ("champion",))
    await bring(desk, registry)
    before = await model(desk, "churn-v3")
    told = await bring(desk, registry)
    assert [*told.created, *told.updated, *told.skipped] == []
    assert await model(desk, "churn-v3") == before == told.models[0]


async def test_what_changed_is_written_and_what_was_tuned_here_stays(
    desk: Desk, registry: MlflowServer
) -> None:
    for version in ("1", "2"):
        registry.add("churn", version)
    await bring(desk, registry, versions=ALL)
    tuned = Model(name="churn-v1", max_concurrency=7)
    await ask(desk, "ModelService/UpdateModel", model=tuned)
    registry.versions[0]["tags"] = [{"key": "turnout.endpoint", "value": "one:9000, other:9000"}]
    told = await bring(desk, registry, versions=ALL)
    assert (list(told.updated), list(told.created)) == (["models/churn-v1"], [])
    after = await model(desk, "churn-v1")
    assert [one.address for one in after.endpoints] == ["one:9000", "other:9000"]
    assert after.max_concurrency == 7
    told = await bring(desk, registry, versions=ALL, template=template(provider="ours"))
    assert list(told.updated) == ["models/churn-v2", "models/churn-v1"]
    assert {one.provider for one in told.models} == {"ours"}


async def test_all_pages_are_read_and_only_as_far_as_needed(desk: Desk, registry: MlflowServer) -> None:
    for version in range(1, 8):
        registry.add("churn", str(version))
    for other in ("a", "b", "churn-eu", "d"):
        registry.add(other)
    told = await bring(desk, registry, versions=ALL)
    assert len(told.created) == 11
    registry.asked.clear()
    told = await bring(desk, registry, versions=LATEST, prefix="churn")
    assert [one.name for one in told.models] == ["models/churn-v7", "models/churn-eu-v1"]
    assert len([method for method, _ in registry.asked if method == "model-versions/search"]) == 2
    assert {query["filter"] for _, query in registry.asked if "LIKE" in query.get("filter", "")} == {
        "name LIKE 'churn%'"
    }


async def test_a_moved_champion_moves_the_routers_that_use_it(desk: Desk, registry: MlflowServer) -> None:
    bayes = registration("cancer-bayes", desk.servers["cancer-bayes"].address)
    bayes.ClearField("name")
    for field in ("version", "display_name", "aliases"):
        bayes.ClearField(field)
    bayes.served_name = "cancer-bayes"
    bayes.timeout.FromSeconds(10)
    registry.add("cancer", "1", ("champion",))
    registry.add("cancer", "2", ("challenger",))
    await bring(desk, registry, template=bayes)
    await desk.deploy("duel", Router(variants=[{"model": "cancer@champion"}, {"model": "cancer@challenger"}]))
    assert (await desk.predict("duel", variant="cancer-champion")).manifest.decision.model.endswith("-v1")
    registry.alias("cancer", "champion", "2")
    registry.alias("cancer", "challenger", "1")
    told = await bring(desk, registry, template=bayes)
    assert [*told.created, *told.updated, *told.skipped] == []
    after = await read(desk, "duel")
    assert after.generation > 1
    assert [one.resolved_model for one in after.variants] == ["models/cancer-v2", "models/cancer-v1"]


async def test_validate_only_tells_and_changes_nothing(desk: Desk, registry: MlflowServer) -> None:
    registry.add("churn", "3", ("champion", "best"))
    told = await bring(desk, registry, validate_only=True)
    assert list(told.created) == ["models/churn-v3"]
    assert list(told.models[0].aliases) == ["churn@best", "churn@champion"]
    missing = await refusal(desk, "ModelService/GetModel", name="churn-v3")
    assert missing.code == "NOT_FOUND"


async def test_sent_twice_it_answers_what_it_answered(desk: Desk, registry: MlflowServer) -> None:
    registry.add("churn", "3", ("champion",))
    told = await bring(desk, registry, request_id=REQUEST_ID)
    registry.add("other", "1", ("champion",))
    assert await bring(desk, registry, request_id=REQUEST_ID) == told
    reused = await refused(desk, registry, request_id=REQUEST_ID, prefix="o")
    assert reused.reason == "REQUEST_ID_REUSED"


async def test_names_that_meet_are_told_and_left_out(desk: Desk, registry: MlflowServer) -> None:
    registry.add("Churn", "1", ("champion",))
    registry.add("churn", "1", ("champion",))
    registry.add("主", "1", ("champion",))
    registry.add("late", "1", ("champion",), status="PENDING_REGISTRATION")
    registry.add("gone", "1")
    registry.alias("gone", "champion", "4")
    registry.add("twins", "1", ("best", "Best"))
    told = await bring(desk, registry)
    assert [one.display_name for one in told.models] == ["Churn version 1", "twins version 1"]
    assert sorted(told.skipped) == [
        "churn: its models would be called as those of Churn: rename either",
        "gone version 4: an alias stands for it, and the registry does not show it",
        "late version 1: its status is PENDING_REGISTRATION",
        "twins@best: would be spelled as Best",
        "主: no letter or digit of its name can stand in an id",
    ]
    told = await bring(desk, registry, prefix="churn")
    assert told.skipped[0].startswith("churn version 1: models/churn-v1 is registered as something else")


async def test_a_signature_that_the_run_tells_is_taken(desk: Desk, registry: MlflowServer) -> None:
    source = "mlflow-artifacts:/0/abc/artifacts/model"
    columns = ({"type": "double", "name": "amount"}, {"type": "string", "name": "plan", "required": False})
    registry.add("churn", "1", ("champion",), run_id="abc", source=source)
    registry.runs["abc"] = history("model", *columns)
    registry.add("old", "1", ("champion",), run_id="def", source=source)
    registry.runs["def"] = {}
    told = await bring(desk, registry)
    churn, old = told.models
    assert [(one.name, one.dtype, one.nullable) for one in churn.signature.features] == [
        ("amount", "FP64", False),
        ("plan", "BYTES", True),
    ]
    assert not old.signature.features
    (warning,) = told.warnings
    assert warning.startswith("old version 1: its signature is in its files alone")


async def test_what_is_wrong_with_one_version_does_not_stop_the_others(
    desk: Desk, registry: MlflowServer
) -> None:
    registry.add("bad", "1", ("champion",), tags={"turnout.endpoint": "nowhere"})
    registry.add("good", "1", ("champion",))
    told = await bring(desk, registry)
    assert list(told.created) == ["models/good-v1"]
    assert len(told.skipped) == 1
    assert told.skipped[0].startswith("bad version 1: ")
    assert "model.endpoints[0].address" in told.skipped[0]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"template": Model(protocol=model_pb2.PROTOCOL_OIP_GRPC)}, "template.timeout"),
        ({"template": template(version="7")}, "template.version"),
        ({"template": template(secret_ref="hunter2")}, "template.secret_ref"),
        ({"secret_ref": "hunter2"}, "secret_ref"),
        ({"secret_ref": "env:TURNOUT_ACCESS_SERVICE_TOKEN"}, "secret_ref"),
        ({"secret_ref": "env:NOBODY_HAS_SET_THIS"}, "secret_ref"),
        ({"registry_uri": "http://localhost:5000"}, "registry_uri"),
        ({"registry_uri": "mlflow+file:///etc"}, "registry_uri"),
        ({"registry_uri": "mlflow+http://u:hunter2@localhost"}, "registry_uri"),
        ({"registry_uri": "mlflow+http://localhost:99999"}, "registry_uri"),
        ({"registry_uri": "mlflow+http://localhost/?a=b"}, "registry_uri"),
        ({"registry_uri": ""}, "registry_uri"),
    ],
)
async def test_what_cannot_work_is_refused_by_its_field(
    desk: Desk, registry: MlflowServer, given: dict[str, Any], field: str
) -> None:
    error = await refused(desk, registry, **given)
    assert field in fields_of(error)
    assert "hunter2" not in error.message
    assert "trial" not in error.message
    assert not registry.asked


async def test_a_template_is_refused_in_its_own_words(desk: Desk, registry: MlflowServer) -> None:
    error = await refused(desk, registry, template=Model(protocol=model_pb2.PROTOCOL_OIP_GRPC))
    assert error.message.startswith("template.timeout: ")
