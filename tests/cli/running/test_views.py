"""What commands make of answers: sentences that a person may rely on."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console, RenderableType
from turnout.aggregator.v1.aggregator_service_pb2 import GetDivergenceResponse, GetRoutingEfficiencyResponse
from turnout.drift.v1.result_pb2 import DriftResult
from turnout.feedback.v1.canary_pb2 import CanaryStatus
from turnout.feedback.v1.experiment_pb2 import Experiment
from turnout.feedback.v1.feedback_service_pb2 import RecordFeedbackRequest
from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot
from turnout.inference.v1.output_pb2 import Output
from turnout.router.v1.inference_service_pb2 import ExplainResponse, PredictRequest
from turnout.router.v1.model_pb2 import Model

from services.cli import complaints, explaining, filing, tables
from services.cli.declared.options import read
from services.cli.drift.tables import results_view
from services.cli.filing import BadFile
from services.cli.learning import canary, divergence, efficiency, experiments, importing, rewards
from services.cli.learning.importing import columns
from services.cli.learning.outcomes import BadOutcome, request_of
from services.cli.predicting import asked, files, signatures
from services.cli.told import answers
from services.foundation.errors import RemoteUnavailable

EXPERIMENT: Any = {
    "router": "routers/churn",
    "decision": "EXPERIMENT_DECISION_WIN",
    "reason": "b is better",
    "baseline": "a",
    "primary_metric": "accuracy",
    "alpha": 0.05,
    "arms": [
        {"variant": "a", "decisions": 900, "mean": 0.8},
        {"variant": "b", "decisions": 910, "mean": 0.85},
    ],
    "comparisons": [
        {
            "variant": "b",
            "decision": "EXPERIMENT_DECISION_WIN",
            "effect": {"estimate": 0.05, "bounds": {"low": 0.01, "high": 0.09}, "p_better": 0.0004},
            "guardrails": [{"metric": "latency", "breached": True, "treatment": 90.0, "baseline": 40.0}],
            "expected_observations": 1200,
        }
    ],
    "sample_ratio": {"mismatch": True, "p_value": 0.0001},
    "missing_labels": [{"metric": "accuracy", "variant": "b", "differs": True, "p_value": 0.002}],
    "segments": [{"segment": "region=north", "variant": "b", "observations": 40}],
}


def shown(what: RenderableType) -> str:
    """As a terminal without colours has it."""
    console = Console(width=160, highlight=False)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_an_experiment_says_what_may_be_concluded_and_what_forbids_it() -> None:
    told = shown(experiments.view(Experiment(**EXPERIMENT), segments=True))
    assert told.startswith("win  b is better\n")
    assert "b: win; effect +0.05 (0.01 to 0.09), p < 0.001; 1,200 more observations are expected" in told
    assert "! b breaches the guardrail latency: 90, and the baseline has 40" in told
    assert "! arms were not drawn as logged (p < 0.001): nothing can be concluded" in told
    assert "! b and the baseline do not lose their labels for accuracy alike (p 0.002)" in told
    assert "region=north  b    unspecified            40       –       –" in told


def test_a_canary_says_where_it_stands_and_what_it_waits_for() -> None:
    finding = {"question": "promotion", "metric": "accuracy", "effect": 0.02, "low": -0.01, "high": 0.05}
    told = shown(
        canary.view(
            CanaryStatus(
                router="routers/churn",
                baseline="a",
                canary="b",
                percentage=25,
                state="CANARY_STATE_RUNNING",
                step=2,
                steps=4,
                waiting_for="80 more labels",
                next="CANARY_MOVE_STEP",
                evidence={
                    "findings": [{**finding, "threshold": 3.0, "log_evidence": 1.5, "canary_samples": 120}],
                    "warnings": ["labels are late"],
                },
            )
        )
    )
    assert told.startswith("running  b has 25 % of routers/churn, a the rest; step 2 of 4")
    assert (
        "promotion (accuracy): not yet; effect +0.02 (-0.01 to 0.05); evidence 1.5 of 3; 120 of the canary"
        in told
    )
    assert "waits for: 80 more labels\nits rules would step now\n! labels are late" in told


def test_divergence_is_a_symmetric_matrix_of_what_the_answers_are() -> None:
    members = [{"variant": name, "panels": 10, "dissent": 0.1} for name in "abc"]
    pairs = [
        {"first": "a", "second": "b", "disagreement": 0.2},
        {"first": "b", "second": "c", "disagreement": 0.3},
    ]
    told = shown(divergence.view("jury", GetDivergenceResponse(panels=10, members=members, pairs=pairs)))
    rows = [line.split() for line in told.splitlines()[1:5]]
    assert rows == [
        ["a", "b", "c"],
        ["a", "–", "20", "%"],
        ["b", "20", "%", "–", "30", "%"],
        ["c", "30", "%", "–"],
    ]
    numbers = [{"first": "a", "second": "b", "mean_difference": 1.5}]
    assert "mean difference" in shown(
        divergence.view("jury", GetDivergenceResponse(panels=1, members=members[:2], pairs=numbers))
    )
    assert "only ensembles have them" in shown(divergence.view("jury", GetDivergenceResponse()))


def test_advice_of_a_router_without_panels_is_shown() -> None:
    advice = ["100 % of 110 predictions came down to the last member: ask it at once."]
    for told in (
        divergence.view("steps", GetDivergenceResponse(advice=advice)),
        efficiency.view("steps", GetRoutingEfficiencyResponse(advice=advice)),
    ):
        first, second = shown(told).splitlines()
        assert first.startswith("steps: no full panels in this time")
        assert second == advice[0]


def test_efficiency_says_what_might_have_been_saved() -> None:
    found = GetRoutingEfficiencyResponse(
        panels=40,
        avoidable_share=0.7,
        mean_cost={"amount": 0.01, "currency": "EUR"},
        mean_saving={"amount": 0.004, "currency": "EUR"},
        members=[{"variant": "small", "panels": 40, "same_answer": 0.7}],
        advice=["Ask small first."],
    )
    told = shown(efficiency.view("jury", found))
    assert "an answer costs 0.01 EUR; for 70 % a cheaper member alone would have said the same" in told
    assert told.rstrip().endswith("Ask small first.")


def test_an_explanation_says_what_is_otherwise_today() -> None:
    decision = {"variant": "a", "draw": "DRAW_SOURCE_RENDEZVOUS", "unit_hash": "00ff", "rule_errors": ["vip"]}
    told = shown(
        explaining.view(ExplainResponse(decision=decision, same=False, differences=["a has 10 % less"]))
    )
    assert "sticky: the entity's hash 00ff decides" in told
    assert "today it would be decided otherwise\n  a has 10 % less" in told
    assert "! the rule vip could not be evaluated" in told


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({"regression": {"values": [1.5]}}, "1.5"),
        ({"regression": {"values": list(range(9))}}, "0, 1, 2, 3, 4 … of 9 rows"),
        ({"classification": {"rows": [{"label": "a"}, {"label": "b"}]}}, "a, b"),
        ({"text": {"tool_calls": [{"name": "look", "arguments": "{}"}]}}, "look({})"),
        ({"json": {"string_value": "x"}}, '"x"'),
        ({"embedding": {"values": [0.0] * 8, "dimension": 4}}, "2 vectors of 4 numbers"),
        ({"tensors": {"tensors": [{"name": "y", "datatype": "FP32", "shape": [2, 3]}]}}, "y FP32[2, 3]"),
        ({}, ""),
    ],
)
def test_every_kind_of_answer_fits_a_line(output: Any, said: str) -> None:
    assert answers.line(Output(**output)) == said


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"prediction_id": "p", "truth": "1"}, {"prediction_id": "p", "truth": {"label": "1"}}),
        ({"prediction_id": "p", "truth": 1.0}, {"prediction_id": "p", "truth": {"number": 1.0}}),
        ({"external_id": 7, "reward": "0.5", "row": "2"}, {"external_id": "7", "reward": 0.5, "row": 2}),
        (
            {"entity_id": "e", "metric": "f1", "value": 0},
            {"entity_id": "e", "metric": {"name": "f1", "value": 0.0}},
        ),
        ({"prediction_id": "p", "truth": {"text": "x"}}, {"prediction_id": "p", "truth": {"text": "x"}}),
        ({"prediction_id": "p", "truth": "a", "reward": 1}, "got truth and reward"),
        ({"prediction_id": "p", "truth": ""}, "got none"),
        ({"prediction_id": "p", "reward": "nan"}, "a number is expected"),
        ({"prediction_id": "p", "reward": 1, "event_time": "soon"}, "a moment of ISO 8601"),
    ],
)
def test_a_line_of_a_file_is_feedback_or_says_why_not(row: Any, wanted: Any) -> None:
    def made() -> RecordFeedbackRequest:
        return request_of(row, columns([]), "churn", number=False)

    if isinstance(wanted, str):
        with pytest.raises(BadOutcome, match=wanted):
            made()
    else:
        assert made() == RecordFeedbackRequest(router="churn", **wanted)


def test_values_are_read_as_the_signatures_say() -> None:
    def model(name: str, **kinds: str) -> Model:
        features = [{"name": one, "kind": f"FEATURE_KIND_{kind}"} for one, kind in kinds.items()]
        return Model(name=f"models/{name}", signature={"features": features})

    known = signatures.of([model("a", age="NUMERIC", zip="CATEGORICAL"), model("b", zip="NUMERIC")])
    typed = {
        name: signatures.typed(name, text, known)
        for name, text in (("age", "4"), ("zip", "01234"), ("new", "true"))
    }
    assert typed == {"age": 4.0, "zip": "01234", "new": True}
    with pytest.raises(signatures.BadFeature, match="age is a number for models/a; got 'old'"):
        signatures.typed("age", "old", known)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"age": 4, "plan": "gold"}, "row"),
        ({"text": "hello"}, "text"),
        ({"text": 4}, "row"),
        ({"chat": {"messages": [{"role": "user", "content": "hi"}]}}, "chat"),
        ({"input": {"row": {"age": 4}}, "entity_id": "ann"}, "row"),
    ],
)
def test_json_may_be_a_row_an_input_or_a_request(told: Any, kind: str) -> None:
    assert asked.read(json.loads(json.dumps(told))).input.WhichOneof("kind") == kind


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,a\n1,2\n", "a column stands twice"),
        ("\n", "its first line is empty"),
    ],
)
def test_a_file_that_is_none_says_where(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "rows"
    file.write_text(content)
    with pytest.raises(BadFile, match=said):
        list(filing.lines(file))


def test_a_row_of_another_length_than_the_header_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    file.write_text("a,b\n1\n2,3\n4,5,6\n")
    told = [(line.number, dict(line.values), line.wrong) for line in filing.lines(file)]
    assert told == [
        (2, {"a": "1", "b": ""}, "1 values, and the header has 2 columns"),
        (3, {"a": "2", "b": "3"}, ""),
        (4, {"a": "4", "b": "5"}, "3 values, and the header has 2 columns"),
    ]


def test_a_line_that_is_no_object_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "rows"
    file.write_text(f'{{"a": \n[1]\n{{"a": 2}}\n{{"a": {"[" * 100_000}\n')
    assert [(line.number, dict(line.values), line.wrong) for line in filing.lines(file)] == [
        (1, {}, "no JSON: Expecting value at character 6"),
        (2, {}, "a JSON object is expected"),
        (3, {"a": 2}, ""),
        (4, {}, "no JSON: nested too deeply"),
    ]


def test_a_column_that_is_named_and_not_there_is_told_for_each_row() -> None:
    row = {"age": "4", "who": "ann"}
    line = filing.Line(2, row, 0)
    assert isinstance(files._request(line, asked.Question("churn", external_id="who"), {}), PredictRequest)
    said = files._request(line, asked.Question("churn", external_id="hwo"), {})
    assert said == "no column 'hwo', which --external-id names; there are age, who"
    assert files._request(filing.Line(2, row, 0, "1 values"), asked.Question("churn"), {}) == "1 values"
    importing._refuse_strange(line, columns(["external_id=who"]))
    with pytest.raises(BadOutcome, match="no column 'hwo', which --column external_id=hwo names; there are"):
        importing._refuse_strange(line, columns(["external_id=hwo"]))


def test_a_feature_that_is_given_twice_is_told() -> None:
    assert asked.pairs(["a=1", "b=x=y"], "--row") == {"a": "1", "b": "x=y"}
    with pytest.raises(typer.BadParameter, match="--row 'a=2': a has a value already, '1'"):
        asked.pairs(["a=1", "a=2"], "--row")


def test_who_cannot_be_reached_is_told_in_plain_words() -> None:
    core = "connections to all backends failing; last error: UNKNOWN: ipv4:127.0.0.1:1: Connection refused"
    how = {"code": "UNAVAILABLE", "reason": "SERVICE_UNAVAILABLE", "facts": {"target": "127.0.0.1:1"}}
    failed = RemoteUnavailable(core, **how)  # type: ignore[arg-type]
    assert complaints.told(failed) == "127.0.0.1:1 cannot be reached: it refused the connection"


def test_a_file_that_cannot_be_used_is_named_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        read(["nowhere.yaml"])
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == "turnout: nowhere.yaml: No such file or directory\n"


def test_a_router_without_a_bandit_shows_no_shares_that_it_did_not_give() -> None:
    arms = [Arm(variant="a", pulls=3), Arm(variant="b")]
    assert "0 %" not in shown(
        rewards.view(RewardSnapshot(router="routers/x", arms=arms), {}, timedelta(hours=1))
    )
    arms = [Arm(variant="a", probability=1), Arm(variant="b")]
    assert "0 %" in shown(rewards.view(RewardSnapshot(router="routers/x", arms=arms), {}, timedelta(hours=1)))


def test_a_table_that_is_too_wide_loses_what_says_nothing_and_cuts_no_heading() -> None:
    table = tables.columns("variant", "model", "probability", "score", "why not", right=2)
    table.add_row("cancer-bayes", "cancer-bayes", "50 %", "–", "")
    wide, narrow = Console(width=80), Console(width=40)
    tables.fit(table, wide)
    assert len(table.columns) == 5
    tables.fit(table, narrow)
    assert [str(one.header) for one in table.columns] == ["variant", "model", "probability"]
    with narrow.capture() as said:
        narrow.print(table)
    assert "probability" in said.get()


def test_off_a_terminal_no_line_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    table = tables.columns("model", "family", "endpoints")
    table.add_row("m" * 40, "f" * 40, "e" * 40)
    tables.show(table)
    assert capsys.readouterr().out.count("\n") == 2


def test_a_results_id_is_never_broken() -> None:
    name = "models/churn/results/01a2040c-a1ac-7853-b95e-49879fd06dc6"
    found = results_view("churn", [DriftResult(name=name, rows=199, overall_score=1.2)])
    console = Console(width=80)
    with console.capture() as said:
        console.print(found)
    assert name.rpartition("/")[2] in said.get()
