"""docs/specification.md says what the descriptors, the list of what is pending, and the code say."""

import re
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from turnout.inference.v1.manifest_pb2 import Manifest
from turnout.router.v1 import router_pb2, strategy_pb2
from turnout.router.v1.router_pb2 import Router

from services.foundation.metrics import Metrics
from services.router.config import combining
from services.router.config.checks import STRATEGY_CHECKS
from services.router.config.defaults import with_defaults
from services.router.config.validate import validate
from tests.contract.test_pending import PENDING, SERVICERS

PAGE = Path(__file__).parents[2] / "docs/specification.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ")
]
TICKED = re.compile(r"`([^`]+)`")
# What replies call it.
SAID = {"warnings", "advice"}
STATES = {"works", "not yet"}


def methods() -> dict[str, MethodDescriptor]:
    """Every RPC, as Service/Method."""
    pool = descriptor_pool.Default()
    services = [pool.FindServiceByName(one.SERVICE) for one in SERVICERS]
    return {f"{service.name}/{one.name}": one for service in services for one in service.methods}


def rest(method: MethodDescriptor) -> str:
    """Its verb and path, as the page spells them."""
    http = method.GetOptions().Extensions[annotations_pb2.http]
    verb = http.WhichOneof("pattern")
    return f"`{verb.upper()} {getattr(http, verb)}`" if verb else "no"


def state(method: MethodDescriptor) -> str:
    full = f"{method.containing_service.full_name}/{method.name}"
    return "not yet" if full in PENDING else "works"


def section(title: str) -> list[list[str]]:
    """The rows of one table, without its head."""
    text = PAGE.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_every_rpc_has_one_row_with_its_path_and_state() -> None:
    told = {
        row[1].strip("`"): (row[2], row[3].strip(" |"))
        for row in ROWS
        if re.fullmatch(r"`\w+Service/\w+`", row[1])
    }
    assert told == {name: (rest(method), state(method)) for name, method in methods().items()}


def test_every_strategy_has_a_row_that_says_whether_it_works() -> None:
    told = {row[1]: row[2] for row in section("Strategies")}
    offered = {field.name for field in Router.DESCRIPTOR.oneofs_by_name["strategy"].fields}
    assert told == {name: "works" if name in STRATEGY_CHECKS else "not yet" for name in offered}


def test_the_aggregations_that_work_are_those_that_are_accepted() -> None:
    for _, name, told in section("Aggregations"):
        number = strategy_pb2.AggregationMethod.Value(name)
        assert told == ("works" if number in combining.AGGREGATIONS else "not yet"), name


def test_the_bandits_that_work_are_those_that_are_accepted() -> None:
    for _, name, told in section("Bandits"):
        context = ["x"] if name == "BANDIT_ALGORITHM_LIN_UCB" else []
        bandit = strategy_pb2.BanditStrategy(algorithm=name, context_features=context)
        given = Router(name="routers/a", variants=[{"model": "a"}, {"model": "b"}], bandit=bandit)
        assert told == "works"
        validate(with_defaults(given), {"models/a", "models/b"})


def leads_somewhere(path: str, root: Any) -> bool:
    """Whether it is a field of the message, by way of others."""
    first, _, rest = path.partition(".")
    field = root.fields_by_name.get(first)
    return field is not None and (not rest or leads_somewhere(rest, field.message_type))


def test_the_ensembles_of_generative_models_are_where_their_rows_say() -> None:
    """Fields of a router or of a manifest, and RPCs that answer; every pattern has a row."""
    works = {name.partition("/")[2] for name, method in methods().items() if state(method) == "works"}
    found = set[str]()
    for what, cell, told in section("Ensembles of generative models"):
        names = TICKED.findall(f"`{cell}`")
        assert (bool(names), told) == (True, "works"), what
        for name in names:
            root = Manifest.DESCRIPTOR if name.startswith("Manifest.") else Router.DESCRIPTOR
            there = leads_somewhere(name.removeprefix("Manifest."), root)
            assert name in works or there or name in SAID, (what, name)
            found.add(name)
    patterns = strategy_pb2.EnsembleStrategy.DESCRIPTOR.oneofs_by_name["pattern"].fields
    assert {f"ensemble.{one.name}" for one in patterns} <= found


def test_every_operator_has_a_row() -> None:
    told = {row[1]: row[0] for row in section("Operators")}
    names = {name for name, number in strategy_pb2.RuleOperator.items() if number}
    assert told == {name: name.removeprefix("RULE_OPERATOR_").lower() for name in names}


def test_the_defaults_are_those_that_are_written_out() -> None:
    told = {row[1]: row[2] for row in section("Defaults")}
    assert with_defaults(Router()).WhichOneof("strategy") == told["the router's strategy"]
    asked = Router()
    asked.ensemble.SetInParent()
    aggregation = strategy_pb2.AggregationMethod.Name(with_defaults(asked).ensemble.aggregation)
    assert aggregation == told["ensemble.aggregation"]
    canary, bandit = Router(), Router()
    canary.canary.SetInParent()
    bandit.bandit.SetInParent()
    assert str(with_defaults(canary).canary.canary_percentage) == told["canary.canary_percentage"]
    learnt = with_defaults(bandit).bandit
    assert str(learnt.exploration_rate) == told["bandit.exploration_rate"]
    assert str(learnt.reward_window) == told["bandit.reward_window"]
    assert learnt.reward_metric == told["bandit.reward_metric"]


def test_every_state_of_the_lifecycle_has_a_row() -> None:
    told = {row[1]: row[0] for row in section("Lifecycle")}
    names = {name for name, number in router_pb2.RouterState.items() if number}
    assert told == {name: name.removeprefix("ROUTER_STATE_").lower() for name in names}


def test_the_metrics_are_exposed_by_these_names() -> None:
    said = {family.name for family in Metrics().registry.collect()}
    for name, _, kind in section("Metrics"):
        assert (name.removesuffix("_total") if kind == "counter" else name) in said


def test_states_are_one_of_two() -> None:
    told = {
        (row[3] if len(row) > 4 else row[-1]).strip(" |")
        for title in ("Routers", "Drift", "Strategies", "Aggregations", "Ensembles of generative models")
        for row in section(title)
    }
    assert told <= STATES
