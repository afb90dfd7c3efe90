"""`turnout predict` and `turnout explain`, as people type them."""

import csv
import json

import pytest
import yaml
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import DeleteRouterRequest

from tests.cli.running.town import Town
from tests.cli.terminal import Terminal
from tests.models.chat_server import chat_server
from tests.stories.ensembles.speaking import Reader

ROW = ("--row", "mean radius=14.2", "--row", "mean texture=20.1")


async def test_the_answer_comes_first_and_then_who_took_part(terminal: Terminal) -> None:
    told = await terminal.type("predict", "jury", *ROW)
    lines = told.out.splitlines()
    assert lines[0].startswith("benign"), told
    assert "average: 2 answered, 2 were needed" in told.out
    rows = [line.split() for line in lines if line.startswith(" cancer-")]
    assert [row[:4] for row in rows] == [
        [name, name, "juror", "contributed"] for name in ("cancer-bayes", "cancer-stump")
    ]
    assert "routers/jury generation 1" in lines[-1]


async def test_json_has_the_whole_manifest(terminal: Terminal) -> None:
    told = await terminal.type(
        "predict", "cancer", *ROW, "--entity", "ann", "-a", "region=north", "-o", "json"
    )
    made = json.loads(told.out)
    assert made["output"]["classification"]["label"] == "benign"
    assert made["manifest"]["prediction_id"] == made["prediction_id"]
    assert {one["variant"] for one in made["manifest"]["decision"]["candidates"]} == {
        "cancer-bayes",
        "cancer-stump",
    }


async def test_rows_of_a_file_are_answered_in_order_and_what_is_wrong_is_named(terminal: Terminal) -> None:
    rows = [
        ("who", "mean radius", "mean texture"),
        *((f"p{n}", 10 + n, 18) for n in range(7)),
        ("bad", "big", 18),
    ]
    (terminal.directory / "rows.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    words = ("predict", "cancer", "--rows", "rows.csv", "--external-id", "who", "--batch", "3")
    told = await terminal.type(*words, "--out", "answers.csv")
    assert (told.code, told.out) == (1, "")
    assert "line 9: mean radius is a number for models/cancer-bayes; got 'big'" in told.wrong
    assert "8 rows, 1 failed; answers in answers.csv" in told.wrong
    written = (terminal.directory / "answers.csv").read_text()
    answers = list(csv.DictReader(written.splitlines()))
    assert [one["who"] for one in answers] == [*(f"p{n}" for n in range(7)), "bad"]
    assert all(one["answer"] in ("benign", "malignant") and one["prediction_id"] for one in answers[:-1])
    assert answers[-1]["error"]
    (terminal.directory / "rows.ndjson").write_text('{"mean radius": 14.2, "mean texture": 20.1}\n')
    told = await terminal.type("predict", "cancer", "--rows", "rows.ndjson")
    assert json.loads(told.out)["answer"] == "benign"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("cancer", "--row", "mean radius=big"), 1, "mean radius is a number for models/"),
        (("cancer", "--row", "mean radius"), 2, "NAME=VALUE"),
        (("cancer",), 2, "in one way"),
        (("cancr", *ROW), 1, "Did you mean cancer?"),
        (("cancer", "--rows", "none.csv"), 2, "none.csv: No such file or directory"),
    ],
)
async def test_what_is_wrong_is_told(
    terminal: Terminal, words: tuple[str, ...], code: int, said: str
) -> None:
    told = await terminal.type("predict", *words)
    assert told.code == code, told
    assert said in told.wrong
    assert "Traceback" not in told.wrong


async def test_explain_tells_what_another_draw_would_have_led_to(terminal: Terminal) -> None:
    told = await terminal.type("explain", "cancer", "--u", "0.69")
    assert "▸  cancer-bayes" in told.out
    assert "0.0000 to 0.7000" in told.out
    assert "0.7000 to 1.0000" in told.out
    told = await terminal.type("explain", "cancer", "--u", "0.71")
    assert "▸  cancer-stump" in told.out


async def test_a_chat_is_shown_as_it_is_written(running: Town, terminal: Terminal) -> None:
    async with chat_server() as server:
        server.behave = Reader(server).serve
        for name in ("talker", "speaker"):
            await running.desk.register(
                Model(
                    name=f"models/{name}",
                    protocol="PROTOCOL_OPENAI_CHAT",
                    endpoints=[{"address": server.url}],
                )
            )
        variants = [{"model": "talker", "weight": 100}, {"model": "speaker", "weight": 0}]
        await running.desk.deploy("talk", Router(variants=variants))
        words = ("predict", "talk", "--chat", "system: be brief", "--chat", "What is the capital of France?")
        told = await terminal.type(*words)
        assert told.out.splitlines()[0] == "Paris."
        assert [one["role"] for one in server.bodies[-1]["messages"]] == ["system", "user"]
        told = await terminal.type(*words[:2], *words[-2:], "--stream")
        lines = told.out.splitlines()
        assert lines[0].strip() == "The capital of France is Paris."
        assert " talker " in told.out
        (terminal.directory / "chat.json").write_text(
            '{"chat": {"messages": [{"role": "user", "content": "hi"}]}}'
        )
        told = await terminal.type("predict", "talk", "--json", "chat.json", "-o", "yaml")
        assert yaml.safe_load(told.out)["output"]["text"]["content"] == "The capital of France is Paris."
    await running.desk.call("RouterService/DeleteRouter", DeleteRouterRequest(name="talk"))
