"""What is shown, on a terminal and in a log, and what is read from metrics pages."""

import io
import json
from collections.abc import Callable

import pytest
from google.protobuf.json_format import MessageToDict
from rich.console import Console, RenderableType
from turnout.inference.v1.manifest_pb2 import (
    OUTCOME_TIMED_OUT,
    PARTICIPANT_ROLE_JUROR,
    Candidate,
    Decision,
    Manifest,
    Participant,
)

from examples.demo import next_steps, scenes
from examples.demo.cast import CAST
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
    "watch": lambda told: scenes.watch(told.watch),
}


def rendered(shown: RenderableType, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
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


@pytest.mark.parametrize("scene", SCENES)
def test_nothing_is_cut_at_eighty_columns(scene: str) -> None:
    assert "…" not in rendered(SCENES[scene](evidence(answers(1))), width=80)


def test_a_manifest_is_shown_with_the_names_of_the_contract() -> None:
    shown = rendered(scenes.manifest(Manifest(prediction_id="abc", router="routers/x", degraded=True)))
    assert '"prediction_id": "abc"' in shown
    assert "a member is missing" in shown


def test_a_whole_manifest_fits_a_screen_of_eighty_columns() -> None:
    members = [
        Participant(
            model=f"models/{juror}",
            endpoint="127.0.0.1:23520",
            variant=juror,
            role=PARTICIPANT_ROLE_JUROR,
            outcome=OUTCOME_TIMED_OUT,
            attempt=1,
            weight=0.5,
            span_id="9a4f104b272e0a93",
            confidence=0.9641250538147376,
            error_code="DEADLINE_EXCEEDED",
            error_message="no answer within 0.4 s",
        )
        for juror in CAST.jurors
    ]
    candidates = [Candidate(variant=one, model=f"models/{one}", eligible=True) for one in CAST.jurors]
    full = Manifest(router="routers/x", participants=members, decision=Decision(candidates=candidates))
    lines = rendered(scenes.manifest(full), width=80).splitlines()
    assert len(lines) <= 45
    assert not any("…" in line for line in lines)
    # The panel's frame aside, it is the manifest itself.
    inside = " ".join(line[1:-1].strip() for line in lines[1:-1])
    assert json.loads(inside) == MessageToDict(full, preserving_proto_field_name=True)


def test_what_looks_like_a_contradiction_is_explained() -> None:
    because = CLAIMS["labels become accuracies"](evidence(answers(1))).said
    assert "a juror's gauge counts its jury's rows too" in because
    assert "±" in because
    assert "In the mean a failure counts 0." in rendered(scenes.convergence(evidence(answers(1))))
    assert "1 − ε + ε/k = 0.867" in CLAIMS["the bandit finds the best model"](evidence(answers(1))).said


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
