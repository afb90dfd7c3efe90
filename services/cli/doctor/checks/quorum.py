"""Are there enough models for each router to answer?"""

from collections.abc import Iterator

from turnout.router.v1.router_pb2 import ROUTER_STATE_RUNNING, Router

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning


def examine(facts: Facts) -> Iterator[Finding]:
    """Running routers whose quorum cannot be met, or that have one variant left, or none."""
    away = set(facts.fleet.unreachable)
    for replica in facts.fleet.replicas:
        away |= set(replica.ejected)
    for router in facts.fleet.routers:
        if router.state == ROUTER_STATE_RUNNING:
            yield from _one(router, away)


def _one(router: Router, away: set[str]) -> Iterator[Finding]:
    enabled = [one for one in router.variants if one.enabled or not one.HasField("enabled")]
    gone = sorted(one.id for one in enabled if one.model in away)
    if not gone:
        return
    left, them = len(enabled) - len(gone), ", ".join(gone)
    jury = router.WhichOneof("strategy") == "ensemble"
    quorum = router.ensemble.quorum if router.ensemble.HasField("quorum") else len(enabled) // 2 + 1
    if jury and left < quorum:
        yield error(
            f"{router.name} needs {quorum} answers and has {left} members left; away: {them}",
            "every prediction of it fails, or waits for models that do not answer",
            "bring the models back (turnout models test), or lower ensemble.quorum",
        )
    elif not left:
        yield error(
            f"no variant of {router.name} can be called; away: {them}",
            "every prediction of it fails, unless a fallback answers",
            "bring a model back (turnout models test), or add a variant",
        )
    elif not jury and left == 1:
        yield warning(
            f"{router.name} has one variant left; away: {them}",
            "its traffic is all on one model, and nothing stands behind it",
            "bring the models back: turnout models test",
        )
