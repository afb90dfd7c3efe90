"""Predictions that end before any model was called: nothing was spent and nothing is learnt, so they have no
record. They are counted."""

from collections.abc import Container, Iterator
from contextlib import contextmanager

from services.foundation.errors import TurnoutError
from services.foundation.metrics import Metrics
from services.router.failures import RouterNotRunning


@contextmanager
def counted(metrics: Metrics, router: str, served: Container[str]) -> Iterator[None]:
    """Count a refusal of a prediction, and let it pass. `router` is what the caller says; of those that are
    not `served` only one that exists, and was stopped, is named: who makes names up makes no series."""
    try:
        yield
    except TurnoutError as refused:
        count(refused, metrics, router, served)
        raise


def count(refused: TurnoutError, metrics: Metrics, router: str, served: Container[str]) -> None:
    """The same for who has caught it: no manager for a prediction that nothing is wrong with."""
    # Whatever has an id is recorded, and listed with those that failed.
    if "prediction_id" not in refused.facts:
        name = router if router.startswith("routers/") else f"routers/{router}"
        if name not in served:
            name = refused.facts["router"] if isinstance(refused, RouterNotRunning) else ""
        metrics.predictions_refused[name, refused.reason].inc()
