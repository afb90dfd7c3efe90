"""What is advised, with which number behind it, and what is not said without enough of them."""

import doctest
import math
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest
from scipy import stats
from turnout.feedback.v1.metrics_pb2 import ModelMetrics
from turnout.router.v1.model_pb2 import Model

from services.aggregator.divergence import advice, intervals
from services.aggregator.divergence.advice import Facts, on_divergence, on_efficiency
from services.aggregator.divergence.intervals import at_most, paired
from services.aggregator.divergence.tally import Counts, OfAll, OfMember, OfPair, Tally
from services.state.panel_truths import ANSWERED, ONLY_MEMBER, ONLY_VERDICT, RIGHT, RightCounts


def facts(
    tally: Tally | None = None,
    rights: RightCounts | None = None,
    models: Mapping[str, Model] = MappingProxyType({}),
) -> Facts:
    return Facts(tally or Tally(), rights or RightCounts(), models, {}, {})


def tally(*names: str, **sums: float) -> Tally:
    """Every sum the same for all members, or pairs, or of the whole; by its name."""
    counts = Counts.of(*names)
    for name, value in sums.items():
        if name.startswith("pair_"):
            counts.pairs[OfPair[name[5:].upper()]] = value * (1 - np.eye(len(names)))
        elif name.startswith("member_"):
            counts.members[OfMember[name[7:].upper()]] = value
        else:
            counts.whole[OfAll[name.upper()]] = value
    made = Tally()
    made.add(counts)
    return made


def rights(rows: int, right: int, only_verdict: int, only_member: int) -> RightCounts:
    """Of one member a, which answered every row."""
    told = {ANSWERED: rows, RIGHT: right, ONLY_VERDICT: only_verdict, ONLY_MEMBER: only_member}
    members = Counter({(kind, "a"): count for kind, count in told.items()})
    return RightCounts(rows, right + only_verdict - only_member, 0, members)


def test_one_family_is_told_and_what_is_not_declared_is_not_guessed() -> None:
    split = tally("a", "b", pair_rows=200, pair_differing=30)
    kin = {name: Model(name=name, family=family) for name, family in (("a", "Trees"), ("b", "trees"))}
    (said,) = on_divergence(facts(split, models=kin))
    assert said == (
        "All 2 members are of one family, Trees, and differ on 15 % of 200 rows, pair by pair: they tend to "
        "be wrong together."
    )
    kin["b"].family = ""
    assert on_divergence(facts(split, models=kin)) == []
    kin["a"].provider = kin["b"].provider = "acme"
    assert "one provider, acme" in on_divergence(facts(split, models=kin))[0]
    del kin["b"]
    assert on_divergence(facts(split, models=kin)) == []


@pytest.mark.parametrize(("panels", "pivotal", "told"), [(58, 0, False), (59, 0, True), (5000, 1, False)])
def test_a_silent_member_is_told_from_the_panel_on_that_proves_it(
    panels: int, pivotal: int, told: bool
) -> None:
    silent = tally("a", "b", member_weighed=panels, member_pivotal=pivotal)
    found = [said for said in on_divergence(facts(silent)) if "never changed a verdict" in said]
    assert bool(found) == told
    if told:
        assert found[0].startswith("a never changed a verdict in 59 sampled panels (in at most 4.95 %")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (rights(1000, 900, 10, 8), "one model would do nearly as well"),
        (rights(1000, 900, 10, 90), "it is worse than its best member"),
        (rights(1000, 900, 60, 10), ""),  # five points better
        (rights(1000, 900, 80, 76), ""),  # perhaps two points better
        (rights(99, 90, 0, 0), ""),  # too few to say
        (RightCounts(), ""),
    ],
)
def test_a_kitchen_sink_is_told_only_where_the_interval_says_so(counts: RightCounts, words: str) -> None:
    for advise in (on_divergence, on_efficiency):
        found = [said for said in advise(facts(rights=counts)) if said.startswith("Kitchen sink")]
        assert bool(found) == bool(words)
        assert all(
            words in said and "1000 rows" in said and "points against a alone" in said for said in found
        )


def test_a_cascade_is_told_from_nine_of_ten_on() -> None:
    for walks, through, told in ((100, 90, True), (100, 89, False), (99, 99, False)):
        found = on_divergence(facts(tally(walks=walks, walked_through=through)))
        assert bool(found) == told
    assert found == []


def test_a_timeout_is_slack_beside_what_the_model_takes() -> None:
    quick = ModelMetrics(requests=400, latency_p99_ms=12.0)
    asked = facts()._replace(
        models={"a": Model(), "b": Model(), "c": Model()},
        seconds={"a": 30.0, "b": 0.5, "c": 30.0},
        measured={"a": quick, "b": quick, "c": ModelMetrics(requests=99, latency_p99_ms=12.0)},
    )
    (said,) = on_divergence(asked)
    assert "a may take 30 s and takes 0.012 s" in said
    assert "b may" not in said
    assert "c may" not in said


def test_a_cheap_member_that_gives_the_verdict_is_told_with_its_share_and_its_cost() -> None:
    cheap = tally(
        "a", "b", priced=200, cost=2000, judged=200, member_judged=200, member_dissents=10,
        member_priced=200, member_cost=20,
    )  # fmt: skip
    (said,) = on_efficiency(facts(cheap))
    assert said.startswith("a alone gives the verdict in 95 % of 200 panels, at 1 % of their cost")
    assert on_efficiency(facts(tally("a", "b", judged=200, member_judged=200))) == []


def test_of_those_who_would_do_the_cheapest_is_told() -> None:
    counts = Counts.of("dear", "cheap", "wrong")
    counts.whole[[OfAll.JUDGED, OfAll.PRICED, OfAll.COST]] = 100, 100, 1100
    counts.members[[OfMember.JUDGED, OfMember.PRICED]] = 100
    counts.members[OfMember.COST] = 800, 200, 100
    counts.members[OfMember.DISSENTS] = 0, 10, 11
    panel = Tally()
    panel.add(counts)
    (said,) = on_efficiency(facts(panel))
    assert said.startswith("cheap alone gives the verdict in 90 % of 100 panels, at 18.2 % of their cost")


def test_paired_intervals_hold_as_often_as_they_say() -> None:
    """Coverage over 2,000 samples of 200 rows on which two are right as often as 90 % and 85 %, dependent."""
    rng = np.random.default_rng(7)
    cells = rng.multinomial(200, [0.82, 0.08, 0.03, 0.07], size=2000)
    found = [paired(200, int(first), int(second)) for _, first, second, _ in cells]
    covered = np.mean([one.low <= 0.05 <= one.high for one in found])
    # Five standard errors of a share of 95 % over 2,000.
    assert covered == pytest.approx(0.95, abs=0.025)
    assert all(one.low <= one.estimate <= one.high for one in found)


def test_several_comparisons_at_once_are_wider() -> None:
    one, four = paired(200, 20, 10), paired(200, 20, 10, of=4)
    ratio = (four.high - four.low) / (one.high - one.low)
    assert ratio == pytest.approx(stats.norm.ppf(1 - 0.05 / 8) / stats.norm.ppf(0.975))


@pytest.mark.parametrize("trials", [1, 10, 59, 10_000])
def test_what_never_happened_is_bounded_as_clopper_and_pearson_do(trials: int) -> None:
    exact = stats.binomtest(0, trials).proportion_ci(0.9, "exact").high
    assert at_most(trials) == pytest.approx(exact)
    assert math.isclose(at_most(trials), stats.beta.ppf(0.95, 1, trials))


@pytest.mark.parametrize("module", [advice, intervals], ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted
    assert not result.failed
