"""Every pattern through a router: who is asked after whom, who looks at whose answer, and what is served. Of
labels and of words, by models that have not seen the patients."""

import re
from collections.abc import Sequence
from contextlib import aclosing
from math import isclose
from typing import Any

import pytest
from turnout.inference.v1.manifest_pb2 import OUTCOME_SERVED, OUTCOME_SKIPPED
from turnout.router.v1 import ensemble_pb2 as ensembles
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.inference_service_pb2 import PredictResponse, StreamPredictResponse
from turnout.router.v1.router_pb2 import Router, Variant
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from examples.demo.rows import Question
from services.foundation.client import Client
from services.foundation.errors import RemoteError
from tests.aggregator.talk import account
from tests.stories.asking import INFERENCE, ROUTERS, SECONDS, deployed, router
from tests.stories.ensembles import panel, surgery
from tests.stories.ensembles.panel import answers, chances, check_account, diagnoses, questions, tabular
from tests.stories.ensembles.surgery import (
    PREFIX,
    Surgery,
    audited_by,
    chats,
    described,
    helper,
    opinion,
)
from tests.stories.suite import Suite
from tests.waiting import eventually

ROWS = 40
PRICES: panel.Prices = {**panel.PRICES, **surgery.PRICES}
PATIENTS = questions("breast-cancer", ROWS)


async def replies(client: Client, wanted: Router, asked: Sequence[Question]) -> list[PredictResponse]:
    """What a router of chats says of each patient; every account is checked."""
    await deployed(client, wanted)
    given = await answers(client, wanted.name, [described(one) for one in asked])
    for reply in given:
        check_account(reply, PRICES)
    return given


def labels(name: str) -> list[str]:
    """What a doctor thinks of the patients."""
    return [opinion(name, one.features).label for one in PATIENTS]


def row(name: str) -> str:
    return f"{PREFIX}{name}"


async def test_a_cascade_ends_where_two_agree(suite: Suite) -> None:
    client = suite.client("router")
    cascade = ensembles.Cascade(agreement=2)
    doctors = sorted(panel.DOCTORS, key=lambda name: panel.PRICES[name].per_call)
    await deployed(client, router("together-agreeing", *panel.DOCTORS, ensemble={"cascade": cascade}))
    said = {name: diagnoses(chances(name, PATIENTS)) for name in doctors}
    counts = set()
    given = [tabular(one) for one in PATIENTS]
    for place, reply in enumerate(await answers(client, "together-agreeing", given)):
        check_account(reply, PRICES)
        own = [said[name][place] for name in doctors]
        asked = next(count for count in range(2, 5) if own[:count].count(own[count - 1]) == 2)
        assert reply.output.classification.label == own[asked - 1]
        agreed = [name for name, one in zip(doctors[: asked - 1], own, strict=False) if one == own[asked - 1]]
        outcomes = {variant: outcome for variant, _, outcome in account(reply.manifest)}
        wanted = dict.fromkeys(doctors[:asked], "DISCARDED") | dict.fromkeys(agreed, "CONTRIBUTED")
        wanted |= {doctors[asked - 1]: "SERVED"} | dict.fromkeys(doctors[asked:], "SKIPPED")
        assert outcomes == wanted
        counts.add(asked)
    assert len(counts) > 1


async def test_a_failed_verification_triggers_the_expensive_one(suite: Suite, surgery: Surgery) -> None:
    client = suite.client("router")
    cascade = ensembles.Cascade(check=audited_by("boosting"))
    tiers = await replies(
        client, chats("together-tiers", "logistic", "stump", cascade=cascade, member_retries=0), PATIENTS
    )
    rounds = set()
    said = zip(tiers, labels("stump"), labels("logistic"), labels("boosting"), strict=True)
    for reply, cheap, dear, auditor in said:
        accepted = cheap == auditor
        assert (cheap if accepted else dear) in reply.output.text.content
        first = ("stump", "PRIMARY", "SERVED" if accepted else "DISCARDED")
        audit = (row("boosting"), "VERIFIER", "CONTRIBUTED")
        second = ("logistic", "FALLBACK", "SKIPPED" if accepted else "SERVED")
        assert account(reply.manifest) == [first, audit, second, *([] if accepted else [audit])]
        assert bool(reply.manifest.warnings) == (not accepted and dear != auditor)
        rounds.add(reply.manifest.aggregation.rounds)
    assert rounds == {1, 2}


async def test_a_judges_verdict_escalates_and_its_reason_is_told(suite: Suite, surgery: Surgery) -> None:
    client, server = suite.client("router"), surgery.server
    judge = ensembles.Judge(check=audited_by("boosting"), tell_reason=True)
    wanted = chats("together-judge", "stump", "bayes", judge=judge)
    await deployed(client, wanted)
    rejected, refused = 0, 0
    call = client.unary(INFERENCE, "Predict")
    said = zip(PATIENTS, labels("stump"), labels("bayes"), labels("boosting"), strict=True)
    for patient, small, large, auditor in said:
        request = inference.PredictRequest(router=wanted.name, input=described(patient))
        if auditor not in (small, large):
            with pytest.raises(RemoteError) as caught:
                await call(request, timeout=SECONDS)
            assert (caught.value.code, caught.value.reason) == ("FAILED_PRECONDITION", "NOT_ACCEPTED")
            assert caught.value.message.count(f"I think {auditor}") == 2
            await check_record(client, caught.value.facts["prediction_id"])
            refused += 1
            continue
        reply = await call(request, timeout=SECONDS)
        check_account(reply, PRICES)
        assert auditor in reply.output.text.content
        assert not reply.manifest.degraded
        if small != auditor:
            rejected += 1
            (heard,) = [body for body in server.bodies[-3:] if body["model"] == "bayes"]
            assert f"I think {auditor}" in heard["messages"][-1]["content"]
    assert rejected
    assert refused


async def check_record(client: Client, prediction: str) -> None:
    """A failed prediction has an account of everybody too, a moment later."""
    get = client.unary(ROUTERS, "GetPrediction")
    request = routers.GetPredictionRequest(prediction_id=prediction)

    async def recorded() -> Any:
        try:
            return (await get(request, timeout=SECONDS)).prediction.event.manifest
        except RemoteError as not_yet:
            if not_yet.code != "NOT_FOUND":
                raise
            return None

    found = await eventually(recorded)
    assert [role for _, role, _ in account(found)] == ["PRIMARY", "VERIFIER", "FALLBACK", "VERIFIER"]


SURE = {"type": "object", "properties": {"certainty": {"minimum": 0.95}}, "required": ["certainty"]}


@pytest.mark.parametrize(
    "check", [{"json_schema": SURE}, {"cel": "json.certainty >= 0.95"}], ids=["schema", "cel"]
)
async def test_a_judge_without_a_model(suite: Suite, surgery: Surgery, check: dict[str, Any]) -> None:
    client, (kind,) = suite.client("router"), check
    judge = ensembles.Judge(check=check, on_exhausted=ensembles.EXHAUSTED_SERVE_LAST)
    wanted = chats(
        f"together-{kind.replace('_', '-')}", "bayes", "logistic", prompt="Answer in JSON.", judge=judge
    )
    rounds = set()
    for patient, reply in zip(PATIENTS, await replies(client, wanted, PATIENTS), strict=True):
        first, second = (opinion(name, patient.features).record() for name in ("bayes", "logistic"))
        outcomes = [outcome for _, _, outcome in account(reply.manifest)]
        assert outcomes == (["SERVED", "SKIPPED"] if first["certainty"] >= 0.95 else ["DISCARDED", "SERVED"])
        served = first if first["certainty"] >= 0.95 else second
        assert f'"certainty": {served["certainty"]}' in reply.output.text.content
        assert bool(reply.manifest.warnings) == (served["certainty"] < 0.95)
        rounds.add(reply.manifest.aggregation.rounds)
    assert rounds == {1, 2}


async def test_specialists_of_columns_and_of_words_work_on_one_task(suite: Suite, surgery: Surgery) -> None:
    """Two look at the same columns at once; the third reads what they said, and decides in words."""
    client = suite.client("router")
    steps = [
        ensembles.Step(name="one", variant="cancer-bayes"),
        ensembles.Step(name="two", variant="cancer-boosting"),
        ensembles.Step(
            name="letter", variant="logistic", template="{one.label}, {two.label} ({two.confidence}): {input}"
        ),
    ]
    variants = [Variant(model=f"models/{name}") for name in ("cancer-bayes", "cancer-boosting")]
    variants.append(Variant(id="logistic", model=f"models/{PREFIX}logistic"))
    how = EnsembleStrategy(specialists={"steps": steps})
    await deployed(client, Router(name="routers/together-steps", variants=variants, ensemble=how))
    patients = PATIENTS[:5]
    for patient, reply in zip(
        patients, await answers(client, "together-steps", [tabular(one) for one in patients]), strict=True
    ):
        check_account(reply, PRICES)
        assert account(reply.manifest) == [
            ("cancer-bayes/one", "SPECIALIST", "CONTRIBUTED"),
            ("cancer-boosting/two", "SPECIALIST", "CONTRIBUTED"),
            ("logistic/letter", "SPECIALIST", "SERVED"),
        ]
        assert reply.output.text.content == opinion("logistic", patient.features).prose()
        one, two = opinion("bayes", patient.features), opinion("boosting", patient.features)
        read = [(first, second) for first, second, sure in letters(surgery, 5) if isclose(sure, two.chance)]
        assert read == [(one.label, two.label)]


def letters(surgery: Surgery, count: int) -> list[tuple[str, str, float]]:
    """What the last steps of the last tasks were asked."""
    asked = [body["messages"][-1]["content"] for body in surgery.server.bodies[-count:]]
    found = [re.match(r"(\w+), (\w+) \(([\d.]+)\): ", one) for one in asked]
    return [(one[1], one[2], float(one[3])) for one in found if one]


async def test_a_judge_picks_the_best_of_three(suite: Suite, surgery: Surgery) -> None:
    client, names = suite.client("router"), ("logistic", "bayes", "stump")
    best = ensembles.BestOfN(judge=helper("boosting"), rubric="Who is right?")
    given = await replies(client, chats("together-best", *names, best_of_n=best), PATIENTS)
    own = zip(given, PATIENTS, labels("boosting"), strict=True)
    for reply, patient, judge in own:
        said = {name: opinion(name, patient.features).prose() for name in names}
        *jurors, last = account(reply.manifest)
        assert last == (row("boosting"), "JUDGE", "CONTRIBUTED")
        (served,) = [variant for variant, _, outcome in jurors if outcome == "SERVED"]
        assert [one for one in jurors if one[0] != served] == [
            (name, "JUROR", "DISCARDED") for name in names if name != served
        ]
        assert reply.output.text.content == said[served]
        assert judge in said[served] or not any(judge in one for one in said.values())
    heard = [body for body in surgery.server.bodies if "Who is right?" in body["messages"][0]["content"]]
    # Against a bias for the first, whoever comes first is drawn.
    firsts = {body["messages"][-1]["content"].split('<answer number="1">\n')[1][:40] for body in heard}
    assert len(heard) == ROWS
    assert len(firsts) > 1


def fused(patient: Question, names: Sequence[str]) -> str:
    own = opinion("boosting", patient.features).label
    votes = sum(opinion(name, patient.features).label == own for name in names)
    return f"{votes} of {len(names)} colleagues and I say {own}"


async def test_a_fuser_makes_one_answer_of_three(suite: Suite, surgery: Surgery) -> None:
    client, names = suite.client("router"), ("logistic", "bayes", "stump")
    mixture = ensembles.MixtureOfN(fuser=helper("boosting"))
    wanted = chats("together-mixture", *names, mixture_of_n=mixture)
    for patient, reply in zip(PATIENTS, await replies(client, wanted, PATIENTS), strict=True):
        assert reply.output.text.content == fused(patient, names)
        assert account(reply.manifest) == [
            *((name, "JUROR", "CONTRIBUTED") for name in names),
            (row("boosting"), "FUSER", "SERVED"),
        ]
    *words, last = await heard(client, "together-mixture", PATIENTS[0])
    assert len(words) > 3
    assert "".join(one.delta for one in words).strip() == fused(PATIENTS[0], names)
    assert last.response.output.text.content.strip() == fused(PATIENTS[0], names)
    check_account(last.response, PRICES)
    assert account(last.response.manifest)[-1] == (row("boosting"), "FUSER", "SERVED")


async def heard(client: Client, name: str, patient: Question) -> list[StreamPredictResponse]:
    """What StreamPredict says, message by message."""
    request = inference.StreamPredictRequest(
        router=name, request=inference.PredictRequest(input=described(patient))
    )
    call = client.stream(INFERENCE, "StreamPredict")
    async with aclosing(call(request, timeout=SECONDS)) as messages:  # type: ignore[type-var]
        return [message async for message in messages]


async def test_a_judge_that_breaks_down_is_marked_and_never_a_draw(suite: Suite, surgery: Surgery) -> None:
    client, names = suite.client("router"), ("logistic", "bayes", "stump")
    best = ensembles.BestOfN(judge=helper("boosting"))
    surgery.lines["boosting"] = "The second, I should say."
    try:
        (reply,) = await replies(client, chats("together-broken", *names, best_of_n=best), PATIENTS[:1])
    finally:
        del surgery.lines["boosting"]
    assert account(reply.manifest)[-1] == (row("boosting"), "JUDGE", "FAILED")
    assert reply.manifest.degraded
    assert reply.manifest.participants[0].outcome == OUTCOME_SERVED
    assert any("the judge failed" in one for one in reply.manifest.warnings)
    assert OUTCOME_SKIPPED not in {one.outcome for one in reply.manifest.participants}
