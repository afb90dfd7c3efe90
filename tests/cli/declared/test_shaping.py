"""What is wrong with a file is told whole, each with its place and what would be right; what is right is what
a service would have been sent."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import ParseDict
from turnout.router.v1.router_pb2 import Router

from services.cli.declared.differences import differences, plain
from services.cli.declared.kinds import STATES
from services.cli.declared.loading import declared
from services.cli.declared.reading import ProblemsError
from tests.stories.reference import PAGES, examples

FULL = """
routers:
  - name: churn
    canary: {baseline_model: a, canary_model: b, canary_percentage: ten}
    weighted: {}
    varients: []
    uid: "1"
    default_deadline: 30
    description: 12
    variants:
      - model: a
        wieght: 3
        role: canary
      - b
    deployment: {replicas: 1.5}
    stickiness: {enabled: yes}
    tags: one
    state: running
  - description: nameless
modles: []
"""
CANARY = "did you mean VARIANT_ROLE_CANARY?"


def problems(text: str, folder: Path) -> list[str]:
    file = folder / "f.yaml"
    file.write_text(text)
    with pytest.raises(ProblemsError) as wrong:
        declared([str(file)])
    return [str(one).removeprefix(f"{folder}/") for one in wrong.value.problems]


def test_every_problem_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    assert problems(FULL, tmp_path) == [
        "f.yaml:4:50: routers[0].canary.canary_percentage: is a number; got 'ten'",
        "f.yaml:5:5: routers[0].weighted: stands beside canary: Router has one of them",
        "f.yaml:6:5: routers[0].varients: is no field of Router; did you mean variants?",
        "f.yaml:7:5: routers[0].uid: is set by the server; leave it out",
        "f.yaml:8:5: routers[0].default_deadline: is a time: write 500ms, 30s, 10m, 24h or 7d; got 30",
        "f.yaml:9:5: routers[0].description: is a text; write it in quotes; got 12",
        "f.yaml:12:9: routers[0].variants[0].wieght: is no field of Variant; did you mean weight?",
        "f.yaml:13:9: routers[0].variants[0].role: 'canary' is none of its values; " + CANARY,
        "f.yaml:14:9: routers[0].variants[1]: has fields: write them, one to a line; got 'b'",
        "f.yaml:15:18: routers[0].deployment.replicas: is a whole number; got 1.5",
        "f.yaml:16:18: routers[0].stickiness.enabled: is true or false; got 'yes'",
        "f.yaml:17:5: routers[0].tags: is a list: write - before each; got 'one'",
        "f.yaml:18:5: routers[0].state: is what it is to be: one of " + ", ".join(STATES),
        "f.yaml:19:5: routers[1]: needs a name, by which it is found",
        "f.yaml:20:1: modles: is no section; did you mean models?",
    ]


def test_one_thing_is_declared_once(tmp_path: Path) -> None:
    text = "routers:\n- {name: churn}\n- {name: routers/churn}\n"
    (told,) = problems(text, tmp_path)
    assert told == f"f.yaml:3:3: routers/churn: is declared twice, first at {tmp_path}/f.yaml:2:3"


def test_files_of_a_directory_are_one_and_come_in_the_order_of_need(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("routers:\n- {name: churn}\n")
    (tmp_path / "b.yml").write_text("models:\n- {name: m}\n---\nmodels:\n- {name: n}\n")
    (tmp_path / "c.json").write_text('{"alert_configs": [{"model": "m"}]}')
    (tmp_path / "d.txt").write_text("no YAML: [")
    names = [one.name for one in declared([str(tmp_path)])]
    assert names == ["models/m", "models/n", "models/m/alertConfig", "routers/churn"]


def test_times_are_written_as_people_do(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("models:\n- {name: m, timeout: 1.5m}\n- {name: n, timeout: 20ms}\n")
    seconds = [one.message.timeout.ToTimedelta().total_seconds() for one in declared([str(tmp_path)])]
    assert seconds == [90, 0.02]


def test_a_services_complaint_is_told_where_the_field_stands(tmp_path: Path) -> None:
    text = "routers:\n- name: churn\n  variants:\n  - model: a\n  - {model: b, weight: 200}\n"
    (tmp_path / "f.yaml").write_text(text)
    (one,) = declared([str(tmp_path / "f.yaml")])
    fields = ("router.variants[1].weight", "variants[0].id", "name", "router.canary")
    told = [one.place(field) for field in fields]
    assert [(place.line, place.column) for place in told] == [(5, 16), (4, 5), (2, 3), (2, 3)]


def made(what: str) -> list[Any]:
    """Every router, or model, that a page of the reference makes."""
    found = []
    for page in PAGES:
        for example in examples(page):
            if example.method.endswith(f"/{what}") and not example.error:
                body = json.loads(example.words[example.words.index("-d") + 1])
                (kind,) = {"router", "model"} & body.keys()
                found.append({**body[kind], "name": body.get(f"{kind}_id") or body[kind]["name"]})
    return found


@pytest.mark.parametrize("router", made("CreateRouter"), ids=lambda router: router["name"])
def test_a_router_of_the_reference_survives_its_file(router: Any, tmp_path: Path) -> None:
    """What is written of it is read as the same."""
    message = ParseDict(router, Router())
    message.name = f"routers/{message.name.removeprefix('routers/')}"
    (tmp_path / "f.yaml").write_text(yaml.safe_dump({"routers": [plain(message)]}))
    (one,) = declared([str(tmp_path / "f.yaml")])
    assert one.message == message


def test_differences_are_of_fields_and_lists_go_by_their_ids() -> None:
    before = {
        "variants": [{"id": "a", "weight": 1}, {"id": "b"}],
        "tags": ["x"],
        "gone": 1,
        "steps": [{"percentage": 10, "min_samples": 5}],
    }
    after = {
        "variants": [{"id": "b"}, {"id": "a", "weight": 2}],
        "tags": ["x", "y"],
        "new": {"deep": 1},
        "steps": [{"percentage": 20, "min_samples": 5}],
    }
    told = {one.path: (one.before, one.after) for one in differences(before, after)}
    assert told == {
        "variants[a].weight": (1, 2),
        "variants (their order)": (["a", "b"], ["b", "a"]),
        "tags": (["x"], ["x", "y"]),
        "new": (None, {"deep": 1}),
        "gone": (1, None),
        "steps[0].percentage": (10, 20),
    }
    assert not list(differences(after, after))
