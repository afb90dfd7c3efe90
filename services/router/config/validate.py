"""One look at a whole router: everything that is wrong with it, or nothing."""

from collections.abc import Collection, Mapping

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.router.config import (
    checks,
    currencies,
    ensembles,
    execution,
    experiments,
    measures,
    mentions,
    options,
    overrides,
    policies,
    redaction,
    segments,
)
from services.router.config.health import check_limits
from services.router.config.problems import Problems
from services.router.config.sharing import check_permissions


def validate(router: Router, models: Collection[str], declared: Mapping[str, Model] | None = None) -> None:
    """Check a router that has its defaults. `models` are the names of the registered ones; `declared` those
    among them that are known in full, for conditions to be checked against their features, and None where
    they were when they were written.

    Raises InvalidConfiguration, UnavailableFeature or ModelNotFound, naming every field that is wrong.
    """
    problems = Problems()
    checks.texts(router, problems)
    checks.deployment(router, problems)
    checks.variants(router, models, problems)
    measures.task(router, problems)
    measures.metrics(router, problems)
    check_limits(router, problems)
    options.check(router, problems)
    overrides.check(router, declared, problems)
    redaction.check(router, problems)
    execution.check(router, problems)
    checks.policy_strategies(router, problems)
    if declared is not None:
        mentions.check(router, problems)
        currencies.check(router, declared, problems)
    policies.check(router, models, declared, problems)
    ensembles.check(router, models, declared, problems)
    segments.check(router, declared, problems)
    check_permissions(router.permissions, "router.permissions", problems)
    experiments.check(router, problems)
    strategy = router.WhichOneof("strategy") or "weighted"
    check = checks.STRATEGY_CHECKS.get(strategy)
    if check is None:
        offered = ", ".join(checks.STRATEGY_CHECKS)
        problems.lacks(f"router.{strategy}", f"this version offers {offered}")
    else:
        check(router, problems)
    problems.settle()
