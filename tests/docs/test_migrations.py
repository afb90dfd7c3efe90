"""What is shown of other systems and of ours is the same thing: names, shares, steps, times and prices."""

import json
import re
import shlex
from typing import Any

import yaml

from tests.docs.guides import ROOT, steps

YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def theirs(name: str) -> list[Any]:
    """Every document that is shown of the other system."""
    page = ROOT / f"docs/how-to/migrate-{name}.md"
    return [yaml.safe_load(block) for block in YAML.findall(page.read_text())]


def ours(name: str) -> dict[str, Any]:
    """The routers and models that the page makes, by their ids."""
    found = dict[str, Any]()
    for step in steps(ROOT / f"docs/how-to/migrate-{name}.md"):
        words = shlex.split(step.text.replace("\\\n", " "))
        if words[-1].endswith(("/CreateRouter", "/RegisterModel")):
            made = json.loads(words[words.index("-d") + 1])
            found[made.get("router_id") or made["model_id"]] = made.get("router") or made["model"]
    return found


def shares(router: Any) -> dict[str, float]:
    return {variant["model"]: variant["weight"] for variant in router["variants"] if variant["weight"]}


def test_an_experiment_of_seldon_is_a_split_with_a_mirror() -> None:
    experiment, pipeline = theirs("seldon")
    split, graph = ours("seldon").values()
    assert {one["name"]: one["weight"] for one in experiment["spec"]["candidates"]} == shares(split)
    mirror = experiment["spec"]["mirror"]
    assert split["mirror"] == {"variants": [mirror["name"]], "percentage": mirror["percent"]}
    specialists = graph["ensemble"]["specialists"]
    assert [one["variant"] for one in specialists["steps"]] == [
        one["name"] for one in pipeline["spec"]["steps"]
    ]
    last = next(one for one in specialists["steps"] if one["name"] == specialists["output"])
    assert [last["variant"]] == pipeline["spec"]["output"]["steps"]
    assert set(last["columns"]) == set(pipeline["spec"]["steps"][1]["tensorMap"].values())


def test_each_kind_of_node_of_kserve_is_a_router_of_the_same_services() -> None:
    graphs = {one["metadata"]["name"]: one["spec"]["nodes"]["root"] for one in theirs("kserve")}
    made = ours("kserve")
    assert graphs.keys() == made.keys()
    assert {one["routerType"] for one in graphs.values()} == {"Splitter", "Switch", "Ensemble", "Sequence"}
    split = {one["serviceName"]: one["weight"] for one in graphs["lump-split"]["steps"]}
    assert split == shares(made["lump-split"])
    rules = made["lump-switch"]["feature_based"]
    chosen = [*(rule["model"] for rule in rules["rules"]), rules["default_model"]]
    assert chosen == [one["serviceName"] for one in graphs["lump-switch"]["steps"]]
    members = {one["id"]: one["model"] for one in made["lump-panel"]["variants"]}
    assert members == {one["name"]: one["serviceName"] for one in graphs["lump-panel"]["steps"]}
    done = [(one["name"], one["variant"]) for one in made["lump-steps"]["ensemble"]["specialists"]["steps"]]
    assert done == [(one["name"], one["serviceName"]) for one in graphs["lump-steps"]["steps"]]


def test_deployments_of_litellm_are_models_with_the_same_address_time_and_price() -> None:
    (proxy,), made = theirs("litellm"), ours("litellm")
    router = made.pop("assistant")
    for deployment, (name, model), variant in zip(
        proxy["model_list"], made.items(), router["variants"], strict=True
    ):
        told, cost = deployment["litellm_params"], deployment.get("model_info", {})
        assert model["served_name"] == told["model"].removeprefix("openai/")
        assert model["endpoints"] == [{"address": told["api_base"].removesuffix("/v1")}]
        assert (model["timeout"], variant["model"]) == (f"{told['timeout']}s", name)
        assert variant["weight"] == told.get("weight", 0)
        price = cost.get("input_cost_per_token")
        assert round((price or 0) * 1_000, 9) == model.get("cost", {}).get("input_per_1k_tokens", 0)
        health = model["outlier_detection"]
        assert health["consecutive_failures"] == proxy["router_settings"]["allowed_fails"]
        assert health["base_ejection_time"] == f"{proxy['router_settings']['cooldown_time']}s"
    assert router["fallback"]["max_attempts"] == proxy["router_settings"]["num_retries"] + 1
