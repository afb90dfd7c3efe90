"""What the contract names and nothing does yet: one list, compared with the servicers, that only shrinks."""

import re
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from services.aggregator.servicer import AggregatorServicer
from services.drift.servicers import DriftServicer
from services.feedback.servicer import FeedbackServicer
from services.router.servicers.access import AccessService
from services.router.servicers.ensembles import EnsembleService
from services.router.servicers.inference import InferenceService
from services.router.servicers.models import ModelService
from services.router.servicers.routers import RouterService

PENDING = Path(__file__).with_name("pending.txt").read_text().split()
SERVICERS = (
    AggregatorServicer,
    DriftServicer,
    FeedbackServicer,
    InferenceService,
    ModelService,
    RouterService,
    AccessService,
    EnsembleService,
)


def described(service: str) -> ServiceDescriptor:
    return descriptor_pool.Default().FindServiceByName(service)


def methods(service: str) -> set[str]:
    return {f"{service}/{method.name}" for method in described(service).methods}


@pytest.mark.parametrize("servicer", SERVICERS, ids=lambda one: one.SERVICE.rpartition(".")[2])
def test_every_rpc_is_either_implemented_or_listed_as_pending(servicer: type) -> None:
    service: str = servicer.SERVICE  # type: ignore[attr-defined]
    implemented = {name for name in methods(service) if hasattr(servicer, name.rpartition("/")[2])}
    listed = {name for name in PENDING if name.startswith(f"{service}/")}
    assert methods(service) - implemented == listed


def test_the_list_names_nothing_else_and_nothing_twice() -> None:
    services = {servicer.SERVICE for servicer in SERVICERS}
    served = {name for service in services for name in methods(service)}
    assert sorted(PENDING) == sorted(set(PENDING))
    assert set(PENDING) <= served


def test_every_service_of_the_contract_is_served() -> None:
    declared = set()
    for proto in (Path(__file__).parents[2] / "protos/turnout").rglob("*.proto"):
        text = proto.read_text()
        package = re.search(r"^package (.+);", text, re.MULTILINE)
        assert package is not None
        declared |= {f"{package[1]}.{name}" for name in re.findall(r"^service (\w+)", text, re.MULTILINE)}
    assert declared == {servicer.SERVICE for servicer in SERVICERS}
