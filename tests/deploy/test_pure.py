"""What needs neither a cluster nor a suite: the next step, wishes, patience, and docstrings' examples."""

import doctest
from importlib import import_module
from itertools import product
from typing import Any

import pytest
from turnout.router.v1.router_pb2 import Router

from services.deploy.cluster import Workload
from services.deploy.rollout.patience import LONGEST_ASKED, LONGEST_SECONDS, pause
from services.deploy.rollout.verdict import Outcome, Verdict
from services.deploy.steps import Phase, Step, Wish, next_step
from services.router.config.checks import deployment as check_deployment
from services.router.config.problems import Problems
from services.router.managing.lifecycle import DEPLOYING, FAILED, REGISTERED, RUNNING, STOPPED
from services.router.pods.cluster import cluster_of, unfit
from services.router.pods.wishes import settle, wish
from services.router.settings import RouterSettings

MODULES = (
    "services.deploy.labels",
    "services.deploy.kinds",
    "services.deploy.manifests.service",
    "services.deploy.rollout.patience",
    "services.router.serving.places",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    outcome = doctest.testmod(import_module(name))
    assert outcome.attempted > 0
    assert outcome.failed == 0


def there(replicas: int, **meta: Any) -> dict[str, Any]:
    return {"metadata": meta, "spec": {"replicas": replicas}}


def wished(phase: Phase) -> Wish:
    return Wish(Workload("churn", "uid"), phase, "stamp")


@pytest.mark.parametrize(
    ("wish", "deployment", "applied", "step"),
    [
        (None, None, False, Step.REST),
        (None, there(2), False, Step.REMOVE),
        (None, there(2, deletionTimestamp="now"), False, Step.REST),
        (wished(Phase.RUN), None, False, Step.APPLY),
        (wished(Phase.RUN), None, True, Step.APPLY),
        (wished(Phase.RUN), there(2), False, Step.APPLY),
        (wished(Phase.RUN), there(0), True, Step.WAKE),
        (wished(Phase.RUN), there(1), True, Step.WAKE),
        (wished(Phase.RUN), there(2), True, Step.JUDGE),
        (wished(Phase.RUN), there(7), True, Step.JUDGE),
        (wished(Phase.STOP), there(2), False, Step.PARK),
        (wished(Phase.STOP), there(0), False, Step.REST),
        (wished(Phase.STOP), None, False, Step.REST),
        (wished(Phase.STAY), there(2), True, Step.REST),
    ],
)
def test_the_next_step(wish: Wish | None, deployment: Any, applied: bool, step: Step) -> None:
    assert next_step(wish, deployment, applied=applied, least=2) is step


@pytest.mark.parametrize("phase", [None, *Phase])
def test_steps_lead_from_anywhere_to_rest(phase: Phase | None) -> None:
    """Whatever a process that died has left behind."""
    wish = wished(phase) if phase else None
    for found, known in product([None, there(0), there(1), there(5)], [False, True]):
        deployment, applied = found, known
        for _ in range(4):
            step = next_step(wish, deployment, applied=applied, least=2)
            if step in (Step.REST, Step.JUDGE):
                break
            if step is Step.APPLY:
                deployment, applied = deployment or there(1), True
            elif step is Step.REMOVE:
                deployment = None
            else:
                deployment = there(2 if step is Step.WAKE else 0)
        assert step is (Step.JUDGE if phase is Phase.RUN else Step.REST)


@pytest.mark.parametrize(
    ("state", "outcome", "becomes", "message", "endpoint"),
    [
        (DEPLOYING, Outcome.DONE, RUNNING, "", "here"),
        (DEPLOYING, Outcome.WAITING, DEPLOYING, "so", ""),
        (DEPLOYING, Outcome.FAILED, FAILED, "so", ""),
        (RUNNING, Outcome.FAILED, RUNNING, "so", "here"),
        (RUNNING, Outcome.WAITING, RUNNING, "", ""),
        (STOPPED, Outcome.DONE, STOPPED, "", ""),
        (FAILED, Outcome.DONE, FAILED, "", ""),
        (REGISTERED, Outcome.DONE, REGISTERED, "", ""),
    ],
)
def test_what_becomes_of_a_router(
    state: Any, outcome: Outcome, becomes: Any, message: str, endpoint: str
) -> None:
    """One that runs stays up whatever becomes of its next pods; one that was stopped stays stopped."""
    router = Router(state=state)
    settle(router, Verdict(outcome, "" if outcome is Outcome.DONE else "so"), "here")
    assert (router.state, router.state_message, router.endpoint) == (becomes, message, endpoint)


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        (REGISTERED, Phase.STAY),
        (DEPLOYING, Phase.RUN),
        (RUNNING, Phase.RUN),
        (STOPPED, Phase.STOP),
        (FAILED, Phase.STAY),
    ],
)
def test_what_a_router_wishes(state: Any, phase: Phase) -> None:
    made = wish(Router(name="routers/churn", uid="u", etag="e", state=state, deployment={"replicas": 3}))
    assert made == Wish(Workload("churn", "u", 3), phase, "e")


def test_patience_is_at_least_what_was_asked_for_and_at_most_what_can_be_borne() -> None:
    for failures, asked, u in product([1, 3, 40], [None, 5.0, 1e9], [0.0, 0.999]):
        waited = pause(failures, asked, u)
        assert min(asked or 0.0, LONGEST_ASKED) <= waited <= LONGEST_ASKED + LONGEST_SECONDS


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ({}, "kube_image"),
        ({"kube_image": "turnout:1"}, "access_mode"),
        ({"kube_image": "turnout:1", "expose": True, "tls_certificate": "a.pem"}, "kube_tls_secret"),
        ({"kube_image": "turnout:1", "expose": True}, ""),
    ],
)
def test_settings_say_what_they_lack(told: dict[str, Any], missing: str) -> None:
    said = unfit(RouterSettings(**told))
    assert missing in said
    assert bool(missing) is bool(said)


def test_pods_are_told_plain_settings_and_no_secret() -> None:
    settings = RouterSettings(
        kube_image="turnout:1",
        access_mode="enforced",
        access_service_token="s" * 40,
        redaction_secret="hush",
        redis_url="redis://:password@redis:6379/0",
        access_admins=["ann"],
        aggregator="dns:///aggregator:50052",
    )
    told = cluster_of(settings).environment
    assert told["TURNOUT_ACCESS_MODE"] == "enforced"
    assert told["TURNOUT_ACCESS_ADMINS"] == '["ann"]'
    assert told["TURNOUT_ROUTER_AGGREGATOR"] == "dns:///aggregator:50052"
    assert not any(secret in str(told) for secret in ("sss", "hush", "password"))


@pytest.mark.parametrize(
    ("deployment", "field", "said"),
    [
        ({"target": "kubernetes"}, "", ""),
        ({"target": "kubernetes", "replicas": 1000}, "", ""),
        ({"target": "nomad"}, "router.deployment.target", "one of local, kubernetes; got 'nomad'"),
        ({"target": "local", "replicas": 2}, "router.deployment.replicas", "belongs to a kubernetes target"),
        ({"target": "kubernetes", "replicas": 0}, "router.deployment.replicas", "1 to 1000, got 0"),
        ({"target": "kubernetes", "replicas": 1001}, "router.deployment.replicas", "1 to 1000, got 1001"),
    ],
)
def test_what_may_be_asked_of_a_deployment(deployment: dict[str, Any], field: str, said: str) -> None:
    problems = Problems()
    check_deployment(Router(deployment=deployment), problems)
    assert [one.field for one in problems.wrong] == ([field] if field else [])
    assert all(said in one.description for one in problems.wrong)
