"""The instruments: their public names, their children, and one registry per process."""

from services.foundation.client import Client
from services.foundation.metrics import Metrics
from services.foundation.server import Server
from tests.foundation.echo import SERVICE, Words


def names(metrics: Metrics) -> set[str]:
    return {family.name for family in metrics.registry.collect()}


def test_the_four_public_names_exist() -> None:
    """Prometheus keeps the _total of a counter apart from its family's name."""
    assert names(Metrics()) >= {
        "ensemble_routing_decisions",
        "ensemble_model_latency_ms",
        "ensemble_model_accuracy",
        "ensemble_canary_progress",
    }


def test_a_child_is_made_once_and_can_be_removed() -> None:
    metrics = Metrics()
    metrics.routing_decisions["weighted", "models/a"].inc()
    metrics.routing_decisions["weighted", "models/a"].inc()
    labels = {"strategy": "weighted", "model": "models/a"}
    assert metrics.registry.get_sample_value("ensemble_routing_decisions_total", labels) == 2
    metrics.routing_decisions.remove("weighted", "models/a")
    assert metrics.registry.get_sample_value("ensemble_routing_decisions_total", labels) is None
    metrics.routing_decisions["weighted", "models/a"].inc()
    assert metrics.registry.get_sample_value("ensemble_routing_decisions_total", labels) == 1


def test_latency_is_counted_in_milliseconds_and_in_seconds() -> None:
    metrics = Metrics()
    metrics.model_latency_ms["models/a"].observe(40)
    metrics.model_seconds["models/a"].observe(0.04)
    read = metrics.registry.get_sample_value
    assert read("ensemble_model_latency_ms_bucket", {"model": "models/a", "le": "50.0"}) == 1
    assert read("ensemble_model_latency_ms_bucket", {"model": "models/a", "le": "25.0"}) == 0
    assert read("ensemble_model_duration_seconds_bucket", {"model": "models/a", "le": "0.05"}) == 1


async def test_rpcs_are_counted_by_method_and_status(client: Client, server: Server) -> None:
    await client.unary(SERVICE, "Say")(Words(), timeout=5)
    read = server.metrics.registry.get_sample_value
    assert read("turnout_rpc_total", {"method": f"{SERVICE}/Say", "code": "OK"}) == 1
    assert read("turnout_rpc_duration_seconds_count", {"method": f"{SERVICE}/Say"}) == 1


def test_two_processes_worth_of_metrics_live_side_by_side() -> None:
    first, second = Metrics(), Metrics()
    first.feedback["APPLIED"].inc()
    assert second.registry.get_sample_value("turnout_feedback_total", {"result": "APPLIED"}) is None
