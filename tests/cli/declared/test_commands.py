"""`turnout apply`, `diff` and `export` as people type them, on a running suite."""

import asyncio
import contextlib
import json
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from google.protobuf.json_format import ParseDict
from jsonschema import Draft7Validator
from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.router.v1 import canary_pb2 as canaries
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from examples.fleet.catalog import FLEET, registration
from services.cli.connecting import Visit
from services.cli.declared.loading import declared
from services.cli.declared.objects import OBJECTS
from services.cli.declared.planning import planned
from services.cli.declared.reading import documents
from services.cli.settings import CliSettings
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.cli.declared.test_shaping import made
from tests.cli.running.town import MODELS, Town
from tests.cli.terminal import ROOT, Terminal
from tests.waiting import eventually

EXAMPLES = ROOT / "examples/declared"
CANARY = {"baseline_model": MODELS[0], "canary_model": MODELS[1], "canary_percentage": 10}


def put(terminal: Terminal, content: object, name: str = "f.yaml") -> str:
    """A file with it; its name."""
    (terminal.directory / name).write_text(yaml.safe_dump(content))
    return name


def split(name: str, *weights: float) -> dict[str, object]:
    """A file with a weighted router."""
    variants = [{"model": model, "weight": weight} for model, weight in zip(MODELS, weights, strict=True)]
    return {"routers": [{"name": name, "variants": variants}]}


@pytest.mark.parametrize("page", sorted(EXAMPLES.glob("*.yaml")), ids=lambda page: page.stem)
def test_an_example_is_what_its_schema_says(page: Path) -> None:
    schema = json.loads((ROOT / "docs/schema/turnout.schema.json").read_text())
    first, *_ = page.read_text().splitlines()
    assert (page.parent / first.rpartition("=")[2]).resolve() == ROOT / "docs/schema/turnout.schema.json"
    for document in documents(page.read_text(), page.name):
        assert [one.message for one in Draft7Validator(schema).iter_errors(document.value)] == []


def test_the_schema_refuses_what_apply_refuses() -> None:
    checks = Draft7Validator(json.loads((ROOT / "docs/schema/turnout.schema.json").read_text()))
    wrong: Iterator[object] = iter(
        [
            {"modles": []},
            {"routers": [{"name": "a", "wieghted": {}}]},
            {"routers": [{"name": "a", "weighted": {}, "random": {}}]},
            {"routers": [{"name": "a", "uid": "1"}]},
            {"models": [{"name": "a", "protocol": "OIP", "endpoints": [], "timeout": "1s"}]},
            {"models": [{"name": "a", "protocol": "PROTOCOL_OIP_GRPC", "endpoints": [], "timeout": "soon"}]},
        ]
    )
    assert all(list(checks.iter_errors(one)) for one in wrong)
    assert not list(checks.iter_errors({"routers": [{"name": "a", "least_loaded": None}]}))


async def test_a_difference_is_shown_by_the_field_and_ends_diff_with_3(terminal: Terminal) -> None:
    file = put(terminal, split("by-field", 60, 40))
    assert (await terminal.type("apply", "-f", file)).code == 0
    put(terminal, split("by-field", 70, 30))
    told = await terminal.type("diff", "-f", file)
    assert told.code == 3, told
    assert "variants[cancer-bayes].weight: 60.0 → 70.0" in told.out
    assert "routers/by-field: no estimate: nothing that was drawn has a reward (NO_SUPPORT)" in told.out
    shown = json.loads((await terminal.type("diff", "-f", file, "-o", "json")).out)
    assert shown[0]["differences"][0] == {
        "path": "variants[cancer-bayes].weight",
        "before": 60.0,
        "after": 70.0,
    }
    assert (await terminal.type("apply", "-f", file, "--dry-run")).code == 0
    assert "60" in (await terminal.type("routers", "get", "by-field")).out
    assert "changed   routers/by-field" in (await terminal.type("apply", "-f", file)).out
    told = await terminal.type("diff", "-f", file)
    assert (told.code, told.out) == (0, "1 unchanged\n")
    # Nobody is asked what a pipe brings either.
    piped = await terminal.shell(f"cat {file} | turnout diff -f - -o yaml")
    assert yaml.safe_load(piped.out)[0]["action"] == "unchanged"


async def test_the_state_is_declared_too(terminal: Terminal) -> None:
    content = split("states", 1, 1)
    for state in ("REGISTERED", "RUNNING", "STOPPED", "RUNNING"):
        content["routers"][0]["state"] = f"ROUTER_STATE_{state}"  # type: ignore[index]
        assert (await terminal.type("apply", "-f", put(terminal, content))).code == 0
        shown = await terminal.type("routers", "get", "states", "-o", "json")
        assert json.loads(shown.out)["state"] == f"ROUTER_STATE_{state}"


async def test_where_one_thing_is_refused_nothing_is_changed(terminal: Terminal) -> None:
    content = {"routers": [*split("sound", 1, 1)["routers"], *split("unsound", 1, 200)["routers"]]}  # type: ignore[misc]
    told = await terminal.type("apply", "-f", put(terminal, content))
    assert told.code == 1
    assert "f.yaml:13:5: routers/unsound: router.variants[1].weight: must be a number" in told.out
    assert told.wrong == "Nothing was changed.\n"
    assert "ROUTER_NOT_FOUND" in (await terminal.type("routers", "get", "sound")).wrong


@pytest.mark.parametrize(
    ("content", "words", "code", "said"),
    [
        ({"routers": [{"nmae": "a"}]}, (), 2, "f.yaml:2:3: routers[0].nmae: is no field of Router; did"),
        ({"routers": [{"name": "a"}]}, ("--server", "127.0.0.1:1"), 1, "SERVICE_UNAVAILABLE"),
        (split("none", 1, 1), ("-f", "nowhere.yaml"), 2, "nowhere.yaml"),
        ({"baselines": [{"model": MODELS[0], "file": "none.csv"}]}, (), 1, "there is no file none.csv"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told(
    terminal: Terminal, content: object, words: tuple[str, ...], code: int, said: str
) -> None:
    for command in ("apply", "diff"):
        told = await terminal.type(command, "-f", put(terminal, content), *words)
        assert told.code == code, told
        assert said in told.out + told.wrong
        assert "Traceback" not in told.wrong


async def test_a_person_at_a_terminal_is_asked_and_may_say_no(terminal: Terminal) -> None:
    file = put(terminal, split("asked-for", 1, 1))
    try:
        ours, theirs = os.openpty()
    except OSError as none:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"this machine has no terminals to give: {none}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "apply", "-f", file),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=terminal.directory,
        env={**terminal.environment, "TERM": "xterm"},
    )
    seen = ""
    while "Apply? [y/N]" not in seen:
        seen += (await asyncio.to_thread(os.read, ours, 4096)).decode()
    # Colours are for terminals; everywhere else there are none.
    assert "\x1b[32m+ routers/asked-for" in seen
    os.write(ours, b"n\n")
    assert await process.wait() == 1
    os.close(ours)
    os.close(theirs)
    assert "ROUTER_NOT_FOUND" in (await terminal.type("routers", "get", "asked-for")).wrong


async def test_what_somebody_else_changed_since_is_not_overwritten(running: Town, terminal: Terminal) -> None:
    file = put(terminal, split("contested", 1, 1))
    await terminal.type("apply", "-f", file)
    put(terminal, split("contested", 3, 1))
    suite = Visit(None, CliSettings(**{name: f"127.0.0.1:{port}" for name, port in running.ports.items()}))  # type: ignore[arg-type]
    try:
        (change,) = await planned(suite, declared([str(terminal.directory / file)]))
        weights = rpc.SetWeightsRequest(name="contested", weights={MODELS[0]: 9})
        await running.desk.call("RouterService/SetWeights", weights)
        with pytest.raises(RemoteError) as refused:
            await OBJECTS["routers"][1](suite, change)
    finally:
        await suite.close()
    assert refused.value.code == "ABORTED"
    assert '"9 ' not in refused.value.message
    assert " 9 " in (await terminal.type("routers", "get", "contested")).out


async def test_an_alias_moves_between_two_models_of_one_file(terminal: Terminal) -> None:
    """Whoever comes first takes it, which is no change by somebody else to whoever gives it up."""

    def two(first: list[str], second: list[str], version: str) -> dict[str, object]:
        endpoints = [{"address": "127.0.0.1:9"}]
        plain = {"protocol": "PROTOCOL_OIP_GRPC", "endpoints": endpoints, "timeout": "1s", "version": version}
        return {
            "models": [
                {"name": "taker", **plain, "aliases": first},
                {"name": "giver", **plain, "aliases": second},
            ]
        }

    told = await terminal.type("apply", "-f", put(terminal, two([], ["pair@best", "own"], "1")))
    assert told.code == 0, told
    told = await terminal.type("apply", "-f", put(terminal, two(["pair@best"], ["own"], "2")))
    assert told.code == 0, told
    assert (await terminal.type("diff", "-f", "f.yaml")).out == "2 unchanged\n"


async def test_a_canary_that_has_moved_by_itself_stays_where_it_is(running: Town, terminal: Terminal) -> None:
    content = {"routers": [{"name": "mover", "canary": dict(CANARY)}]}
    file = put(terminal, content)
    await terminal.type("apply", "-f", file)
    move = rpc.TransitionCanaryRequest(
        name="mover", transition_id=str(uuid.uuid4()), move=canaries.CANARY_MOVE_PROMOTE, reason="earned it"
    )
    await running.desk.call("RouterService/TransitionCanary", move)
    told = await terminal.type("diff", "-f", file)
    assert told.code == 0, told
    assert "the canary has moved by itself" in told.out
    # Another change leaves it there, then and later.
    content["routers"][0]["description"] = "other words"
    put(terminal, content)
    told = await terminal.type("apply", "-f", file)
    assert "changed   routers/mover" in told.out
    assert "canary_percentage" not in told.out
    assert (await terminal.type("diff", "-f", file)).code == 0
    # A new percentage is a new trial, which somebody has to want.
    content["routers"][0]["canary"]["canary_percentage"] = 20  # type: ignore[index]
    put(terminal, content)
    assert "canary_percentage: 0.0 → 20.0" in (await terminal.type("diff", "-f", file, "--no-price")).out


async def recorded(running: Town, prediction: str) -> bool:
    """Whether a prediction is kept."""
    request = rpc.GetPredictionRequest(prediction_id=prediction)
    with contextlib.suppress(RemoteError):
        await running.desk.call("RouterService/GetPrediction", request)
        return True
    return False


async def test_a_change_is_priced_by_what_was_logged(running: Town, terminal: Terminal) -> None:
    file = put(terminal, split("priced", 50, 50))
    await terminal.type("apply", "-f", file)
    answers = await asyncio.gather(*(running.desk.predict("priced") for _ in range(250)))
    # Rewards of what is not recorded yet would be parked, and counted later.
    await eventually(lambda: recorded(running, answers[-1].prediction_id), within=30)
    client = Client(running.servers["feedback"].address)
    record = client.unary("turnout.feedback.v1.FeedbackService", "RecordFeedback")
    for answer in answers:
        earned = float(answer.manifest.decision.variant == MODELS[0])
        request = feedback.RecordFeedbackRequest(prediction_id=answer.prediction_id, reward=earned)
        await record(request, timeout=20)
    await client.close()
    put(terminal, split("priced", 80, 20))

    async def priced() -> bool:
        told = await terminal.type("diff", "-f", file)
        assert "on last week's decisions it would have earned 0." in told.out, told
        return "against what was served: better." in told.out

    await eventually(priced, within=60)


async def test_secrets_are_not_shown(terminal: Terminal) -> None:
    hook = {"id": "pager", "url": "http://127.0.0.1:9/x", "secret": "abcdefghijklmnopqrst"}
    file = put(terminal, {"alert_configs": [{"model": MODELS[1], "webhooks": [hook]}]})
    told = await terminal.type("apply", "-f", file)
    assert "has a secret: true" in told.out
    exported = await terminal.type("export", "--model", MODELS[1])
    assert "pager" in exported.out
    assert "abcdefgh" not in told.out + told.wrong + exported.out
    assert (await terminal.type("diff", "-f", file)).code == 0


async def created(running: Town) -> list[str]:
    """Names of the routers of the reference, as far as there is what they need."""
    for name in FLEET.keys() - set(MODELS):
        await running.desk.register(registration(name, "127.0.0.1:9"))
    for each in made("RegisterModel"):
        with contextlib.suppress(RemoteError):
            await running.desk.register(ParseDict(each, Model()))
    names = []
    for each in made("CreateRouter"):
        name = each["name"].removeprefix("routers/")
        with contextlib.suppress(RemoteError):
            await running.desk.create(name, ParseDict(each, Router()))
            names.append(f"routers/{name}")
    return names


async def test_what_is_exported_is_found_unchanged(running: Town, terminal: Terminal) -> None:
    """Every router that the reference creates comes back from its file."""
    names = await created(running)
    assert len(names) > 40
    exported = await terminal.type("export")
    content = yaml.safe_load(exported.out)
    assert set(names) <= {one["name"] for one in content["routers"]}
    (terminal.directory / "all.yaml").write_text(exported.out)
    told = await terminal.type("diff", "-f", "all.yaml", "--no-price")
    assert told.code == 0, told.out
    schema = json.loads((ROOT / "docs/schema/turnout.schema.json").read_text())
    assert [str(one)[:300] for one in Draft7Validator(schema).iter_errors(content)] == []
