"""That looking at every minute is as good as looking once: arms that are alike, entities that come back."""

from uuid import UUID

import numpy as np
import pytest
from turnout.feedback.v1.evidence_pb2 import DecisionChunk, DecisionContext, EvidenceState, SegmentSet

from services.feedback.evidence import folding, observations
from services.feedback.evidence.observations import DECISION, ENTITY, Observations
from services.feedback.evidence.plan import ALPHA, Metric, Source, TestSpec, Watch
from services.feedback.evidence.quantiles import bounded
from services.feedback.evidence.reading import evidence_of
from services.state.latency import cell_of

MINUTES, A_MINUTE, ENTITIES = 8, 250, 1500
ACCURACY = Metric("accuracy", Source.FEEDBACK)


def watch(by_entity: bool, share: float) -> Watch:
    tests = [
        TestSpec("primary", "accuracy", "binary", 0.0, False, ALPHA / 2),
        TestSpec("loss", "accuracy", "binary", 0.0, True, ALPHA / 2),
    ]
    return Watch(["a", "b"], {"accuracy": ACCURACY}, tests, by_entity, f"{share}", 60.0, 10.0)


class Traffic:
    """Sticky entities, some of which come far more often than others (Zipf), each with a rate of its own."""

    def __init__(self, rng: np.random.Generator, share: float) -> None:
        self.rng, self.share = rng, share
        self.treated = rng.random(ENTITIES) < share
        self.rate = rng.beta(1.0, 1.0, ENTITIES)
        weights = 1.0 / np.arange(1, ENTITIES + 1)
        self.weights = weights / weights.sum()
        self.hashes = rng.integers(0, 2**63, ENTITIES, dtype=np.uint64)

    def minute(self, number: int) -> tuple[DecisionChunk, np.ndarray]:
        who = self.rng.choice(ENTITIES, A_MINUTE, p=self.weights)
        packed = np.zeros(A_MINUTE, DECISION)
        # Ids order by time; the rest of an id is what tells decisions apart.
        packed["id_high"] = number * 1000 + np.arange(A_MINUTE)
        packed["unit"], packed["flags"], packed["rows"] = self.hashes[who], ENTITY, 1
        packed["arm"] = self.treated[who]
        context = DecisionContext(variants=["a", "b"], probabilities=[1 - self.share, self.share])
        chunk = DecisionChunk(contexts=[context], segments=[SegmentSet()], decisions=packed.tobytes())
        return chunk, (self.rng.random(A_MINUTE) < self.rate[who]).astype(float)


def declared(asked: Watch, rng: np.random.Generator, share: float) -> bool:
    """Whether anything is declared at any look, of which there is one a minute."""
    traffic, state, known = Traffic(rng, share), EvidenceState(), np.empty(0, np.uint64)
    for number in range(MINUTES):
        chunk, values = traffic.minute(number)
        found: Observations = observations.observations([chunk], asked, 0)
        which, new = observations.firsts(found, known)
        if not asked.by_entity:
            which = np.ones(len(found.arm), bool)
        known = np.union1d(known, new)
        folding.fold_seen(asked, state, found.only(which))
        folding.fold_told(asked, state, found.only(which), {"accuracy": values[which]})
        (pair,) = evidence_of(asked, state).comparisons
        if any(test.declared for test in pair.tests.values()):
            return True
    return False


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_entities_that_come_back_declare_nothing_of_arms_that_are_alike(share: float) -> None:
    """Each run errs with a probability of at most alpha: more come by chance once in 10,000 times. Many
    more runs are in `make type1`."""
    runs, rng = 20, np.random.default_rng(7)
    wrong = sum(declared(watch(True, share), rng, share) for _ in range(runs))
    assert wrong <= runs * ALPHA + 3.7 * np.sqrt(runs * ALPHA * (1 - ALPHA))


def test_each_of_their_predictions_would() -> None:
    """What the rule of one observation per unit is for: by prediction, arms that are alike are told apart."""
    runs, rng = 20, np.random.default_rng(8)
    assert sum(declared(watch(False, 0.5), rng, 0.5) for _ in range(runs)) > runs / 4


def test_bounds_of_quantiles_hold_at_all_times_at_once() -> None:
    """100 arms whose latencies are alike, looked at after every hundred answers."""
    rng, missed, shares = np.random.default_rng(9), 0, (0.5, 0.95, 0.99)
    truth = {share: float(np.exp(_normal_quantile(share))) * 50 for share in shares}
    for _ in range(100):
        cells: dict[int, int] = {}
        outside = False
        for begin in range(0, 2000, 100):
            for ms in (50 * np.exp(rng.standard_normal(100))).tolist():
                cells[cell_of(ms)] = cells.get(cell_of(ms), 0) + 1
            for share in shares:
                found = bounded(cells, share, 0.05)
                assert found is not None
                # A cell is 10 % wide, and stands for all that is in it.
                low = (found.low or 0) / 1.05
                high = (found.high or np.inf) * 1.05
                outside |= not low <= truth[share] <= high
            assert begin < 2000
        missed += outside
    assert missed <= 5


def _normal_quantile(share: float) -> float:
    return {0.5: 0.0, 0.95: 1.6448536269514722, 0.99: 2.3263478740408408}[share]


def test_ids_and_times_come_back_as_they_were() -> None:
    packed = np.zeros(1, DECISION)
    id_ = "018bcfe5-69f4-7000-8591-b7582265b1f5"
    packed["id_high"], packed["id_low"] = UUID(id_).int >> 64, UUID(id_).int & (2**64 - 1)
    found = Observations(packed, [], [], np.zeros(1, np.intp), np.zeros((1, 2)))
    assert found.ids() == [id_]
    assert found.times().tolist() == [1_700_000_000.5]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_who_is_thinned_out_hangs_on_no_order(order: int) -> None:
    units = np.random.default_rng(5).integers(0, 2**63, 1000, dtype=np.uint64)
    shuffled = np.random.default_rng(order).permutation(units)
    depths = observations.depth(shuffled)
    level = observations.level_of(observations.tally(depths), 100)
    kept = set(shuffled[depths >= level].tolist())
    assert 25 <= len(kept) <= 100
    assert kept == {one for one in units.tolist() if one % 2**level == 0}
