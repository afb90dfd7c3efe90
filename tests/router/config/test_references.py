"""Where a router names its variants: every field of the contract that does is looked at."""

import pytest
from turnout.router.v1 import strategy_pb2 as strategy
from turnout.router.v1.router_pb2 import Router, Variant

from services.router.config.defaults import with_defaults
from services.router.config.mentions import mentions
from services.router.config.references import references

VARIANT = Variant(id="b", model="models/churn-b")


@pytest.mark.parametrize(
    ("router", "path"),
    [
        (Router(canary={"baseline_model": "b"}), "canary.baseline_model"),
        (Router(canary={"canary_model": "b"}), "canary.canary_model"),
        (Router(shadow={"primary": "churn-b"}), "shadow.primary"),
        (Router(ensemble={"members": ["a", "b"]}), "ensemble.members[1]"),
        (Router(feature_based={"default_model": "churn-b"}), "feature_based.default_model"),
        (Router(feature_based={"rules": [{"model": "models/churn-b"}]}), "feature_based.rules[0].model"),
        (Router(complexity={"small": "b"}), "complexity.small"),
        (Router(complexity={"large": "b"}), "complexity.large"),
        (Router(complexity={"specialists": [{"variant": "b"}]}), "complexity.specialists[0].variant"),
        (Router(fallback={"variants": ["b"]}), "fallback.variants[0]"),
        (Router(mirror={"variants": ["b"]}), "mirror.variants[0]"),
        (Router(default_model="b"), "default_model"),
        (Router(policies=[{"variant": "b"}]), "policies[0].variant"),
        (Router(policies=[{}, {"subset": {"variants": ["b"]}}]), "policies[1].subset.variants[0]"),
        (Router(policies=[{"ensemble": {"members": ["b"]}}]), "policies[0].ensemble.members[0]"),
        (Router(policies=[{"strategy": {"variants": ["b"]}}]), "policies[0].strategy.variants[0]"),
        (
            Router(policies=[{"strategy": {"complexity": {"large": "b"}}}]),
            "policies[0].strategy.complexity.large",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_says_where(router: Router, path: str) -> None:
    assert references(router, VARIANT) == [path]
    assert references(router, Variant(id="c", model="models/churn-c")) == []


def test_every_name_of_a_variant_is_stored_as_its_id() -> None:
    """Also as models/{id}; what is an id already stays, whatever else has a model of that name."""
    given = Router(variants=[{"id": "x", "model": "a"}, {"id": "b", "model": "c"}, {"id": "z", "model": "b"}])
    given.complexity.MergeFrom(
        strategy.ComplexityStrategy(small="a", large="b", specialists=[{"variant": "models/a"}])
    )
    given.policies.add(name="p", subset={"variants": ["a", "c"]})
    given.policies.add(name="q", ensemble={"members": ["models/a", "b"]})
    given.policies.add(name="r", strategy={"complexity": {"small": "c", "large": "z"}, "variants": ["a"]})
    given.mirror.variants.append("models/b")
    given.default_model = "nobody"
    stored = with_defaults(given)
    ids = {one.path: one.named for one in mentions(stored) if one.named}
    assert ids == {
        "complexity.small": "x",
        "complexity.large": "b",
        "complexity.specialists[0].variant": "x",
        "policies[0].subset.variants[0]": "x",
        "policies[0].subset.variants[1]": "b",
        "policies[1].ensemble.members[0]": "x",
        "policies[1].ensemble.members[1]": "b",
        "policies[2].strategy.complexity.small": "b",
        "policies[2].strategy.complexity.large": "z",
        "policies[2].strategy.variants[0]": "x",
        "mirror.variants[0]": "z",
        "default_model": "nobody",
    }
