"""What a configuration says of health: defaults, limits, and the same as the room of health reads it."""

from google.protobuf.duration_pb2 import Duration
from turnout.router.v1.model_pb2 import Model, OutlierDetection
from turnout.router.v1.router_pb2 import Router

from services.router.config.problems import Problems
from services.router.config.spans import check_span
from services.router.health.mask import Limits
from services.router.health.rules import Rules

MOST_FAILURES = 1000
MOST_REQUESTS = 1_000_000
LARGEST_FACTOR = 1000.0
# Seconds. Shorter intervals have nothing to count; what is longer than an hour is a decision for people.
SHORTEST_SPAN, LONGEST_SPAN = 0.1, 3600.0

_DEFAULT = Rules()
_DEFAULT_LIMITS = Limits()


def detection_with_defaults(model: Model) -> None:
    """Fill in the model's outlier detection."""
    given = model.outlier_detection
    for field, value in (
        ("enabled", _DEFAULT.enabled),
        ("consecutive_failures", _DEFAULT.consecutive_failures),
        ("min_success_rate", _DEFAULT.min_success_rate),
        ("max_latency_factor", _DEFAULT.max_latency_factor),
        ("min_requests", _DEFAULT.min_requests),
    ):
        if not given.HasField(field):
            setattr(given, field, value)
    _span(given, "interval", _DEFAULT.interval)
    _span(given, "base_ejection_time", _DEFAULT.base_ejection)
    _span(given, "max_ejection_time", max(_DEFAULT.max_ejection, _seconds(given.base_ejection_time)))


def check_detection(model: Model, problems: Problems) -> None:
    """Everything about model.outlier_detection, which has its defaults."""
    given, field = model.outlier_detection, "model.outlier_detection"
    if not 1 <= given.consecutive_failures <= MOST_FAILURES:
        said = f"1 to {MOST_FAILURES}, got {given.consecutive_failures}"
        problems.add(f"{field}.consecutive_failures", said)
    if not 0 <= given.min_success_rate <= 1:
        problems.add(f"{field}.min_success_rate", f"0 to 1, got {given.min_success_rate:g}")
    factor = given.max_latency_factor
    if not (factor == 0 or 1 < factor <= LARGEST_FACTOR):
        said = f"0 (never), or more than 1 and at most {LARGEST_FACTOR:g}, got {factor:g}"
        problems.add(f"{field}.max_latency_factor", said)
    if not 1 <= given.min_requests <= MOST_REQUESTS:
        problems.add(f"{field}.min_requests", f"1 to {MOST_REQUESTS}, got {given.min_requests}")
    for name in ("interval", "base_ejection_time", "max_ejection_time"):
        check_span(getattr(given, name), f"{field}.{name}", SHORTEST_SPAN, LONGEST_SPAN, problems)
    least, most = _seconds(given.base_ejection_time), _seconds(given.max_ejection_time)
    if most < least:
        said = f"not less than base_ejection_time, {least:g} s; got {most:g} s"
        problems.add(f"{field}.max_ejection_time", said)


def rules_of(model: Model) -> Rules:
    """What the model is held to; models that were stored without it are held to the defaults."""
    filled = Model(outlier_detection=model.outlier_detection)
    detection_with_defaults(filled)
    given = filled.outlier_detection
    return Rules(
        enabled=given.enabled,
        consecutive_failures=given.consecutive_failures,
        min_success_rate=given.min_success_rate,
        max_latency_factor=given.max_latency_factor,
        min_requests=given.min_requests,
        interval=_seconds(given.interval),
        base_ejection=_seconds(given.base_ejection_time),
        max_ejection=_seconds(given.max_ejection_time),
        timeout=_seconds(model.timeout),
    )


def limits_with_defaults(router: Router) -> None:
    """Fill in router.health."""
    if not router.health.HasField("max_ejection_percentage"):
        router.health.max_ejection_percentage = _DEFAULT_LIMITS.most_ejected
    if not router.health.HasField("panic_percentage"):
        router.health.panic_percentage = _DEFAULT_LIMITS.panic_below


def check_limits(router: Router, problems: Problems) -> None:
    """Everything about router.health."""
    for field in ("max_ejection_percentage", "panic_percentage"):
        given: float = getattr(router.health, field)
        if not 0 <= given <= 100:
            problems.add(f"router.health.{field}", f"0 to 100, got {given:g}")


def limits_of(router: Router) -> Limits:
    """How far health may go in this router; one that was stored without limits has the defaults."""
    given = router.health
    return Limits(
        given.max_ejection_percentage
        if given.HasField("max_ejection_percentage")
        else _DEFAULT_LIMITS.most_ejected,
        given.panic_percentage if given.HasField("panic_percentage") else _DEFAULT_LIMITS.panic_below,
    )


def _span(given: OutlierDetection, field: str, seconds: float) -> None:
    if not given.HasField(field):
        getattr(given, field).FromNanoseconds(int(seconds * 1e9))


def _seconds(given: Duration) -> float:
    # Not ToTimedelta: what a caller sent may lie outside its range, and is checked later.
    return given.seconds + given.nanos / 1e9
