import pytest
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import Truth

from services.feedback.prediction import Answer
from services.feedback.wire.records import drawn_failed, label_of, prediction_of
from tests.feedback.recorded import event, prediction_id

ID = prediction_id(1)


def test_reads_who_was_drawn_and_what_it_answered() -> None:
    found = prediction_of(event(ID, "b", "no"))
    assert (found.id, found.variant, found.failed, found.rows) == (ID, "b", False, 1)
    assert found.answers == (Answer("models/b", ("no",), True, True),)


def test_reads_the_label_of_every_row() -> None:
    batch = event(ID)
    batch.rows = 2
    for label in ("yes", "no"):
        batch.outputs[0].output.classification.rows.add(label=label)
    assert prediction_of(batch).answers[0].labels == ("yes", "no")


@pytest.mark.parametrize("outcome", [manifest.OUTCOME_FAILED, manifest.OUTCOME_TIMED_OUT])
def test_a_draw_that_failed_is_a_failure_also_when_a_fallback_served(outcome: manifest.Outcome) -> None:
    rescued = event(ID, "a", outcome=outcome)
    rescued.manifest.participants.add(
        model="models/b",
        variant="b",
        role=manifest.PARTICIPANT_ROLE_FALLBACK,
        outcome=manifest.OUTCOME_SERVED,
    )
    rescued.outputs.add(participant=1).output.classification.label = "yes"
    found = prediction_of(rescued)
    assert found.failed
    assert found.answers == (Answer("models/b", ("yes",), False),)


@pytest.mark.parametrize("outcome", [manifest.OUTCOME_FAILED, manifest.OUTCOME_TIMED_OUT])
def test_a_failure_that_says_nothing_of_the_model_costs_its_arm_nothing(outcome: manifest.Outcome) -> None:
    excused = event(ID, outcome=outcome)
    assert drawn_failed(excused)
    excused.manifest.participants[0].excused = True
    assert not drawn_failed(excused)


def test_a_hedge_that_won_earns_the_drawn_variant_nothing_and_costs_it_nothing() -> None:
    """The second call went to another instance of the same variant; the first was called off."""
    raced = event(ID, "a", outcome=manifest.OUTCOME_CANCELLED)
    raced.manifest.participants.add(
        model="models/a",
        variant="a",
        role=manifest.PARTICIPANT_ROLE_HEDGE,
        outcome=manifest.OUTCOME_SERVED,
    )
    del raced.outputs[:]
    raced.outputs.add(participant=1).output.classification.label = "yes"
    found = prediction_of(raced)
    assert not found.failed
    assert found.answers == (Answer("models/a", ("yes",), False),)


def test_a_shadow_is_an_answer_of_its_model_and_nobodys_draw() -> None:
    mirrored = event(ID, "a")
    mirrored.manifest.participants.add(
        model="models/b",
        variant="b",
        role=manifest.PARTICIPANT_ROLE_SHADOW,
        outcome=manifest.OUTCOME_DISCARDED,
    )
    mirrored.outputs.add(participant=1).output.classification.label = "yes"
    assert prediction_of(mirrored).answers[1] == Answer("models/b", ("yes",), False)


def test_a_retry_that_answered_is_no_failure() -> None:
    retried = event(ID, "a", outcome=manifest.OUTCOME_FAILED)
    again = retried.manifest.participants.add()
    again.CopyFrom(retried.manifest.participants[0])
    again.outcome, again.attempt = manifest.OUTCOME_SERVED, 2
    assert not drawn_failed(retried)


@pytest.mark.parametrize(
    "outcome", [manifest.OUTCOME_CANCELLED, manifest.OUTCOME_SKIPPED, manifest.OUTCOME_DROPPED]
)
def test_a_draw_that_was_not_allowed_to_answer_did_not_fail(outcome: manifest.Outcome) -> None:
    assert not drawn_failed(event(ID, outcome=outcome))


@pytest.mark.parametrize(
    "mode", [manifest.DECISION_MODE_PINNED, manifest.DECISION_MODE_ENSEMBLE, manifest.DECISION_MODE_DEFAULT]
)
def test_what_was_not_drawn_is_nobodys_draw(mode: manifest.DecisionMode) -> None:
    chosen = event(ID, "a", mode=mode, outcome=manifest.OUTCOME_FAILED)
    found = prediction_of(chosen)
    assert (found.variant, found.failed) == ("", False)


def test_judges_and_fusers_give_no_answers_of_their_own() -> None:
    judged = event(ID)
    judged.manifest.participants.add(model="models/judge", role=manifest.PARTICIPANT_ROLE_JUDGE)
    judged.outputs.add(participant=1).output.classification.label = "yes"
    assert [answer.model for answer in prediction_of(judged).answers] == ["models/a"]


def test_a_number_is_not_a_class() -> None:
    priced = event(ID)
    priced.output.regression.values.append(3.5)
    priced.outputs[0].output.CopyFrom(priced.output)
    found = prediction_of(priced)
    assert not found.classified
    assert found.answers[0].labels == ()


def test_what_was_too_large_for_the_log_has_no_label_to_compare() -> None:
    large = event(ID)
    large.ClearField("output")
    large.large_output.bytes = 3_000_000
    large.outputs[0].ClearField("output")
    found = prediction_of(large)
    assert not found.classified
    assert found.answers == (Answer("models/a", (), True, True),)


def test_a_label_is_a_label_or_a_text() -> None:
    assert label_of(Truth(label="yes")) == "yes"
    assert label_of(Truth(text="yes")) == "yes"
    assert label_of(Truth(number=1)) is None


def test_what_a_policy_names_or_an_entity_holds_is_nobodys_draw() -> None:
    """A policy's subset is drawn from; the one variant that it names is not, nor is one held by a pin."""
    named, subset, held, kept = (event(prediction_id(number), "b") for number in (1, 2, 3, 4))
    named.manifest.decision.mode = subset.manifest.decision.mode = manifest.DECISION_MODE_POLICY
    named.manifest.decision.propensity, subset.manifest.decision.propensity = 1.0, 0.5
    held.manifest.decision.held, held.manifest.decision.displaced = True, "a"
    # Today's draw would lead there too.
    kept.manifest.decision.held = True
    assert [prediction_of(one).variant for one in (named, subset, held, kept)] == ["", "b", "", ""]
