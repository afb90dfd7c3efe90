"""What is shown, on a terminal and in a log, and what is read from metrics pages."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console, RenderableType
from turnout.inference.v1.manifest_pb2 import Manifest

from examples.demo import next_steps, scenes
from examples.demo.claims import CLAIMS, Claim
from examples.demo.evidence import Act, Evidence
from examples.demo.options import Budget
from examples.demo.pages import summed
from examples.demo.sparkline import sparkline
from examples.demo.traffic import slices
from tests.examples.demo.stage import answers, evidence

SCENES: dict[str, Callable[[Evidence], RenderableType]] = {
    "traffic": scenes.traffic,
    "convergence": scenes.convergence,
    "accuracies": scenes.accuracies,
    "drift": scenes.drift,
}


def rendered(shown: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("scene", SCENES)
def test_can_be_shown_of_a_whole_story_and_of_none(scene: str) -> None:
    assert len(rendered(SCENES[scene](evidence(answers(1)))).splitlines()) > 4
    rendered(SCENES[scene](evidence([])))


def test_the_killed_favourite_and_the_shifted_feature_can_be_seen() -> None:
    story = evidence(answers(1))
    arms = rendered(scenes.convergence(story))
    assert "86.7%" in arms
    assert "6.7%" in arms
    assert "ALERT" in rendered(scenes.drift(story))


def test_a_manifest_is_shown_with_the_names_of_the_contract() -> None:
    shown = rendered(scenes.manifest(Manifest(prediction_id="abc", router="routers/x", degraded=True)))
    assert '"prediction_id": "abc"' in shown
    assert "a member is missing" in shown


def test_failed_claims_stand_out() -> None:
    shown = rendered(scenes.claims({name: Claim(held=False, said="so") for name in CLAIMS}))
    assert shown.count("FAILED") == len(CLAIMS)


def test_progress_says_where_the_story_is() -> None:
    line = scenes.progress(Act.OUTAGE, answers(1)[:1200], 2400).plain
    assert "outage" in line
    assert "1200 predictions" in line


def test_a_sparkline_shows_whatever_is_more_than_nothing() -> None:
    assert sparkline([0, 0.001, 1]) == " ▁█"


def test_slices_are_the_whole_in_order() -> None:
    parts = slices(answers(1))
    assert [one for part in parts for one in part] == answers(1)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_budget_spends_what_it_is_given() -> None:
    budget = Budget.of(2400)
    assert budget.split + budget.bandit + budget.jury + budget.outage + budget.shifted == 2400


def test_pages_are_summed_and_other_peoples_models_left_out() -> None:
    page = """
# TYPE ensemble_routing_decisions_total counter
ensemble_routing_decisions_total{strategy="weighted",model="models/mine-a"} 3
ensemble_routing_decisions_total{strategy="weighted",model="models/theirs"} 9
# TYPE ensemble_model_accuracy gauge
ensemble_model_accuracy{model="models/mine-a"} 0.75
# TYPE ensemble_model_latency_ms histogram
ensemble_model_latency_ms_bucket{model="models/mine-a",le="+Inf"} 2
ensemble_model_latency_ms_count{model="models/mine-a"} 2
ensemble_model_latency_ms_sum{model="models/mine-a"} 8
"""
    read = summed([page, page], "models/mine-")
    assert read.decisions == {("weighted", "a"): 6}
    assert read.latencies == {"a": 4}
    assert read.accuracy == {"a": 0.75}
    assert {"ensemble_routing_decisions_total", "ensemble_model_latency_ms"} <= read.instruments


def test_what_to_try_next_names_both_tools() -> None:
    commands = next_steps.commands()
    assert any(command.startswith("grpcurl ") for command in commands)
    assert any(command.startswith(".venv/bin/buf curl ") for command in commands)
