"""How long an ejection lasts. As Envoy does: the base time multiplied by how often the model was ejected, and
one time is forgiven for each interval in health (envoyproxy.io, outlier detection, "Ejection algorithm")."""

from services.router.health.rules import Rules


def term(times: int, rules: Rules) -> float:
    """Seconds that the `times`-th ejection lasts.

    >>> [term(times, Rules(base_ejection=30, max_ejection=100)) for times in (1, 2, 3, 4, 5)]
    [30, 60, 90, 100, 100]
    """
    return min(times * rules.base_ejection, rules.max_ejection)


def forgiven(times: int, healthy: float, rules: Rules) -> int:
    """How often the model counts as ejected after `healthy` seconds in service; never negative.

    >>> [forgiven(3, healthy, Rules(interval=10)) for healthy in (9.9, 10, 29.9, 30, 1e9)]
    [3, 2, 1, 0, 0]
    """
    return max(0, times - int(max(0.0, healthy) / rules.interval))
