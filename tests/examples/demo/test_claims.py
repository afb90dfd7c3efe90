"""The demo's claims hold on a story that went well, and each fails where its subject is taken away."""

import dataclasses
from typing import Any

import pytest

from examples.demo.cast import CAST
from examples.demo.claims import CLAIMS
from examples.demo.claims.accounting import INSTRUMENTS
from examples.demo.evidence import Act
from tests.examples.demo.stage import CALM, FOUND, LOOKS, QUALITY, RPCS, UNIFORM, answers, evidence

SEEDS = range(12)


@pytest.mark.parametrize("claim", CLAIMS)
def test_holds_on_every_story_that_went_well(claim: str) -> None:
    failed = [seed for seed in SEEDS if not CLAIMS[claim](evidence(answers(seed))).held]
    assert failed == []


@pytest.mark.parametrize("claim", CLAIMS)
def test_fails_where_nothing_happened(claim: str) -> None:
    """Silence is never success."""
    nothing = dataclasses.replace(evidence([]), instruments=frozenset(), after=CALM, accuracy={})
    assert not CLAIMS[claim](nothing).held


def test_without_learning_the_bandit_has_not_found_the_best_and_does_not_leave_it() -> None:
    for seed in SEEDS:
        story = evidence(answers(seed, learnt=UNIFORM, left=UNIFORM))
        assert not CLAIMS["the bandit finds the best model"](story).held
        assert not CLAIMS["traffic leaves a dead model"](story).held


def test_with_shuffled_labels_the_gauges_are_not_what_the_client_counts() -> None:
    story = evidence(answers(1), accuracy=dict.fromkeys(QUALITY, 0.5))
    assert not CLAIMS["labels become accuracies"](story).held


def test_without_a_shift_drift_does_not_name_the_feature() -> None:
    assert not CLAIMS["drift names the shifted feature"](evidence(answers(1), after=CALM)).held


@pytest.mark.parametrize(
    ("claim", "lacking"),
    [
        ("a scheduled look raises an alert", {"status": "OK"}),
        ("a scheduled look raises an alert", {"feature": "mean texture"}),
        ("a scheduled look raises an alert", {"alert": ""}),
        ("a scheduled look raises an alert", {"heard": []}),
        ("a scheduled look raises an alert", {"signed": False}),
        ("a scheduled look raises an alert", {"report": ""}),
        ("a scheduled look raises an alert", {"heard": ["firing"]}),
        ("a scheduled look raises an alert", {"followed": []}),
        ("a baseline comes from anywhere", {"sources": {"file": 3, "columns": 1, "window": 1}}),
        ("a baseline comes from anywhere", {"active": "columns"}),
        ("labels find their predictions", {"duplicates": 0}),
        ("labels find their predictions", {"unmatched": (600, 1)}),
        ("labels find their predictions", {"labels": {"ACCEPTED": 599, "REFUSED": 1}}),
        ("drift says what moved, and where", {"looks": dataclasses.replace(LOOKS, old=LOOKS.new)}),
        ("drift says what moved, and where", {"looks": dataclasses.replace(LOOKS, new=LOOKS.old)}),
        ("drift says what moved, and where", {"looks": dataclasses.replace(LOOKS, after=LOOKS.before)}),
        ("growing errors are noticed", {"concept": "OK"}),
        ("growing errors are noticed", {"labels": {"ACCEPTED": 599, "REFUSED": 1}}),
        ("routing turns away from drift", {"after": "cancer-elsewhere"}),
        ("routing turns away from drift", {"before": "cancer-bayes"}),
    ],
)
def test_each_link_of_the_chapter_on_drift_is_missed(claim: str, lacking: dict[str, Any]) -> None:
    story = evidence(answers(1))
    assert not CLAIMS[claim](dataclasses.replace(story, watch=dataclasses.replace(FOUND, **lacking))).held


@pytest.mark.parametrize("rpc", RPCS)
def test_an_rpc_of_drift_that_nobody_asked_is_named(rpc: str) -> None:
    """They come from the service's descriptor: one that is added later fails the demo until it is told of."""
    story = evidence(answers(1))
    watch = dataclasses.replace(FOUND, asked=FOUND.asked - {rpc})
    told = CLAIMS["all of drift was asked"](dataclasses.replace(story, watch=watch))
    assert told == (False, f"nobody has asked {rpc}")


def test_other_shares_than_the_weights_are_noticed() -> None:
    kept = [a for a in answers(1) if a.variant != "cancer-bayes" or a.act is not Act.SHIFT]
    assert not CLAIMS["traffic splits by the weights"](evidence(kept)).held


def test_what_was_drawn_while_one_was_out_for_its_health_says_nothing_of_the_weights() -> None:
    given = answers(1)
    split = [a for a in given if a.router == CAST.split]
    alone = dataclasses.replace(
        next(a for a in split if a.variant == "cancer-bayes"),
        propensity=1.0,
        probabilities={"cancer-logistic": 0.0, "cancer-bayes": 1.0},
    )
    claim = CLAIMS["traffic splits by the weights"]
    told = claim(evidence([*given, *[alone] * 100]))
    assert told.held
    assert told.said.endswith("; 100 more while one was out for its health")
    assert not claim(evidence([*given, *[alone] * len(split)])).held


def test_a_propensity_that_is_not_the_weight_is_noticed() -> None:
    first, *others = answers(1)
    lied = dataclasses.replace(first, propensity=first.propensity - 0.01)
    assert not CLAIMS["traffic splits by the weights"](evidence([lied, *others])).held


def test_a_question_that_the_jury_did_not_answer_is_noticed() -> None:
    given = answers(1)
    silent = next(a for a in given if a.router == CAST.jury and a.act is Act.OUTAGE)
    lost = dataclasses.replace(silent, label=None)
    assert not CLAIMS["the jury goes on without a member"](evidence([*given, lost])).held


def test_a_member_that_is_out_for_its_health_was_neither_asked_nor_decided_for() -> None:
    """The first to wait for it says that it timed out; who comes later finds it passed over."""
    given = answers(1)
    hung = [a for a in given if a.router == CAST.jury and a.act is Act.OUTAGE]
    spared = [
        dataclasses.replace(a, calls=[call for call in a.calls if call[0] != CAST.hanging]) for a in hung[1:]
    ]
    told = [*(a for a in given if a not in hung), hung[0], *spared]
    story = evidence(told)
    assert CLAIMS["the jury goes on without a member"](story).held
    assert CLAIMS["the metrics agree with the client"](story).held
    never = evidence([*(a for a in given if a not in hung), *spared])
    assert not CLAIMS["the jury goes on without a member"](never).held


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_missing_instrument_is_named(name: str) -> None:
    story = dataclasses.replace(evidence(answers(1)), instruments=frozenset(INSTRUMENTS) - {name})
    checked = CLAIMS["the metrics agree with the client"](story)
    assert not checked.held
    assert name in checked.said


def test_one_decision_too_many_is_noticed() -> None:
    story = evidence(answers(1))
    more = {**story.decisions, ("bandit", CAST.best): story.decisions["bandit", CAST.best] + 1}
    assert not CLAIMS["the metrics agree with the client"](dataclasses.replace(story, decisions=more)).held
