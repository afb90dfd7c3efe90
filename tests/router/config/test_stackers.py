"""Meta-models of an ensemble: their numbers fit together, and the members are the columns that they read."""

from typing import Any

import pytest
from turnout.router.v1.model_pb2 import PROTOCOL_OIP_GRPC, Model

from services.router.config.advice import advice
from services.router.config.defaults import with_defaults
from services.router.config.problems import InvalidConfiguration
from services.router.config.validate import validate
from tests.router.config.juries import DECLARED, DOCTORS, GAUGES, accepted, ensemble, refused

STACKING = "AGGREGATION_METHOD_STACKING"
LEARNT = {
    "members": ["doctor-a", "doctor-b"],
    "labels": ["no", "yes"],
    "coefficients": [0.5] * 8,
    "intercepts": [0, 0],
}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"members": ["doctor-a", "doctor-a"]}, "stacking.learnt.members"),
        ({"members": ["doctor-a", "nobody"]}, "stacking.learnt.members[1]"),
        ({"members": []}, "stacking.learnt.members"),
        ({"labels": ["no", "no"]}, "stacking.learnt.labels"),
        ({"coefficients": [1] * 7}, "stacking.learnt.coefficients"),
        ({"coefficients": ["NaN", *[1] * 7]}, "stacking.learnt.coefficients"),
        ({"intercepts": [1]}, "stacking.learnt.intercepts"),
        ({"intercepts": [1, "Infinity"]}, "stacking.learnt.intercepts"),
        ({"fill": [1]}, "stacking.learnt.fill"),
    ],
)
def test_a_learnt_meta_model_fits_together(change: dict[str, Any], field: str) -> None:
    accepted({"aggregation": STACKING, "stacking": {"learnt": LEARNT}}, DOCTORS)
    assert field in refused({"aggregation": STACKING, "stacking": {"learnt": LEARNT | change}}, DOCTORS)


@pytest.mark.parametrize(
    ("members", "labels", "said"),
    [
        (GAUGES, ["no", "yes"], "none: gauge-a (models/gauge-a) answers numbers"),
        (DOCTORS, [], "the labels that it was fitted on: doctor-a (models/doctor-a) answers labels"),
        (DOCTORS, ["good", "bad"], "some of no or yes, which doctor-a (models/doctor-a) answers; got 'good'"),
    ],
)
def test_a_learnt_meta_model_was_fitted_on_what_the_members_answer(
    members: list[str], labels: list[str], said: str
) -> None:
    outputs = len(labels) or 1
    columns = len(members) * outputs
    learnt = {"members": members, "labels": labels, "intercepts": [0] * outputs, "fill": [0] * columns}
    learnt["coefficients"] = [1] * outputs * columns
    told = refused({"aggregation": STACKING, "stacking": {"learnt": learnt}}, members)
    assert list(told) == ["stacking.learnt.labels"]
    assert said in told["stacking.learnt.labels"]


def test_a_meta_model_is_one_that_reads_tensors() -> None:
    accepted({"aggregation": STACKING, "stacking": {"model": {"model": "meta"}}}, DOCTORS)
    assert list(refused({"aggregation": STACKING}, DOCTORS)) == ["stacking"]
    chat = {"aggregation": STACKING, "stacking": {"model": {"model": "referee"}}}
    assert list(refused(chat, DOCTORS)) == ["stacking.model.model"]


@pytest.mark.parametrize(("reads", "right"), [(["no", "perhaps"], True), (["good", "bad"], False)])
def test_a_meta_model_knows_some_label_of_each_member(reads: list[str], right: bool) -> None:
    made = with_defaults(
        ensemble({"aggregation": STACKING, "stacking": {"model": {"model": "meta"}}}, DOCTORS)
    )
    outputs = {"probabilities": "p", "class_order": reads}
    meta = Model(name="models/meta", protocol=PROTOCOL_OIP_GRPC, signature={"outputs": outputs})
    known = DECLARED | {meta.name: meta}
    if right:
        validate(made, known, known)
        return
    with pytest.raises(InvalidConfiguration) as caught:
        validate(made, known, known)
    (wrong,) = caught.value.fields
    assert wrong.field == "router.ensemble.stacking.model.model"
    assert wrong.description == (
        "models/meta reads good or bad (signature.outputs.class_order), and doctor-a (models/doctor-a) "
        "answers no or yes"
    )


def test_the_columns_of_a_meta_model_do_not_come_and_go() -> None:
    """A variant that is added is no column of it, and one that is one cannot be disabled."""
    given = {"aggregation": STACKING, "stacking": {"model": {"model": "meta"}}}
    stored = accepted(given, DOCTORS)
    assert list(stored.ensemble.members) == DOCTORS
    stored.variants.add(id="doctor-d", model="models/doctor-a")
    more = with_defaults(stored)
    validate(more, DECLARED, DECLARED)
    assert list(more.ensemble.members) == DOCTORS
    more.variants[1].enabled = False
    with pytest.raises(InvalidConfiguration) as caught:
        validate(more, DECLARED, DECLARED)
    (one,) = caught.value.fields
    assert one.field == "router.ensemble.members[1]"
    assert "has columns for doctor-b, which is disabled" in one.description


def test_who_came_and_who_went_since_the_fit_is_told() -> None:
    def told(fitted: list[str]) -> list[str]:
        width = len(fitted) * 2
        learnt = {"members": fitted, "labels": ["no", "yes"], "coefficients": [0.5] * width * 2}
        given = {"aggregation": STACKING, "stacking": {"learnt": learnt | {"intercepts": [0, 0]}}}
        made = ensemble(given, DOCTORS)
        made.variants[0].enabled = "doctor-c" in fitted
        found = advice(with_defaults(made), DECLARED)
        return [one for one in found if "meta-model" in one]

    assert told(["doctor-c", "doctor-b", "doctor-a"]) == []
    new, gone = told(["doctor-a", "doctor-b"])
    assert "asks 2 members, and its meta-model was not fitted on 1 of them (doctor-c)" in new
    assert "was fitted on 2 members, and does not ask 1 of them (doctor-a)" in gone


def test_numbers_have_one_output() -> None:
    learnt = {"members": GAUGES, "coefficients": [0.3, 0.3, 0.4], "intercepts": [0], "fill": [1, 1, 1]}
    accepted({"aggregation": STACKING, "stacking": {"learnt": learnt}}, GAUGES)
