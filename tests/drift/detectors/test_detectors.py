"""Detectors of a change: how late they see one, and how often they cry wolf."""

from math import sqrt

import numpy as np
import pytest

from services.drift.detectors import DETECTORS, Settings, adwin, shiryaev_roberts
from services.drift.detectors.adwin import MOST_OF_A_SIZE
from tests.thorough import cases

each = pytest.mark.parametrize("name", DETECTORS)
CLEAN, RUNS = 10_000, cases(15, 40)
# Median delays in rows after the error rises from 10 % to 15 % and to 20 %, measured over 60 runs of known
# implementations at their usual settings.
KNOWN_DELAYS = {"shiryaev_roberts": (944, 223), "adwin": (1648, 320), "page_hinkley": (1282, 490)}
# Two standard errors of a median of so many delays that vary by 0.4 of it.
CHANCE = 1 + 2 * 1.25 * 0.4 / sqrt(RUNS)


def errors(rng: np.random.Generator, rate: float, rows: int) -> list[float]:
    return [float(wrong) for wrong in rng.random(rows) < rate]


@each
def test_a_rise_is_seen_as_soon_as_by_known_implementations_and_calm_is_calm(name: str) -> None:
    start, fold, *_ = DETECTORS[name]
    delays: dict[float, list[int]] = {0.15: [], 0.2: []}
    wolves = 0
    for seed in range(RUNS):
        rng = np.random.default_rng(seed)
        calm = fold(start(Settings(usual=0.1)), errors(rng, 0.1, CLEAN))
        wolves += bool(calm.alarms)
        for rate, found in delays.items():
            found.append(fold(calm.state, errors(rng, rate, 5000)).alarms[0])
    medians = tuple(float(np.median(found)) for found in delays.values())
    assert all(ours <= CHANCE * known for ours, known in zip(medians, KNOWN_DELAYS[name], strict=True)), (
        medians
    )
    # Once in a million rows is once in a hundred runs: three in forty would be one in some thousand.
    assert wolves < 3


@each
def test_folding_in_pieces_is_folding_at_once(name: str) -> None:
    start, fold, *_ = DETECTORS[name]
    rng = np.random.default_rng(5)
    stream = [*errors(rng, 0.1, 700), *errors(rng, 0.6, 700), *rng.random(300).tolist()]
    whole = fold(start(Settings(usual=0.1, rows=1000)), stream)
    assert whole.alarms
    state, at = start(Settings(usual=0.1, rows=1000)), 0
    alarms: list[int] = []
    for size in rng.integers(0, 90, 100):
        piece = fold(state, stream[at : at + size])
        state, alarms = piece.state, alarms + [at + index for index in piece.alarms]
        at += size
    assert at >= len(stream)
    assert (state, alarms) == (whole.state, whole.alarms)


@each
def test_a_state_that_was_stored_goes_on_as_if_it_was_not(name: str) -> None:
    start, fold, level, pack, unpack = DETECTORS[name]
    rng = np.random.default_rng(6)
    stream = [*errors(rng, 0.1, 500), *errors(rng, 0.5, 500)]
    state = fold(start(Settings(usual=0.1, rows=1000)), stream[:321]).state
    again = unpack(pack(state))
    assert again == state
    assert fold(again, stream[321:]) == fold(state, stream[321:])
    statistic, threshold = level(state)
    assert threshold is None or statistic < threshold


@each
@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan"), float("inf")])
def test_what_is_no_loss_is_refused(name: str, wrong: float) -> None:
    start, fold, *_ = DETECTORS[name]
    with pytest.raises(ValueError, match="between 0 and 1"):
        fold(start(Settings()), [0.0, 1.0, wrong])


@each
def test_an_improvement_is_no_alarm(name: str) -> None:
    start, fold, *_ = DETECTORS[name]
    rng = np.random.default_rng(8)
    stream = [*errors(rng, 0.5, 2000), *errors(rng, 0.1, 4000)]
    assert fold(start(Settings(usual=0.5)), stream).alarms == []


def test_the_e_detector_keeps_its_promise_also_where_losses_hang_together() -> None:
    """P(alarm within t rows) <= t / rows, as the sum of capitals less t is a martingale."""
    rows, horizon, runs = 2000.0, 200, 500
    wolves = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        # The mean given the past is 0.3 at all times, and the spread depends on the loss before.
        stream, last = [], 0.0
        for _ in range(horizon):
            last = 0.3 if last > 0.5 else float(rng.random() < 0.3)
            stream.append(last)
        wolves += bool(shiryaev_roberts.fold(shiryaev_roberts.start(Settings(0.3, rows)), stream).alarms)
    bound = horizon / rows
    assert wolves / runs <= bound + 3 * sqrt(bound * (1 - bound) / runs)


@pytest.mark.parametrize("usual", [0.0, 1.0, float("nan")])
def test_a_usual_loss_that_none_can_rise_above_is_refused(usual: float) -> None:
    with pytest.raises(ValueError, match="usual"):
        Settings(usual=usual)


def test_the_least_rows_between_alarms() -> None:
    assert Settings(rows=100).rows == 100
    with pytest.raises(ValueError, match="at least 100"):
        Settings(rows=99.9)


def test_adwin_keeps_logarithmically_many_buckets_and_every_loss_in_one() -> None:
    rng = np.random.default_rng(2)
    stream = rng.integers(0, 2, 5000).astype(float).tolist()
    state = adwin.fold(adwin.start(Settings()), stream).state
    sizes = [bucket.rows for bucket in state.buckets]
    assert sum(sizes) == len(stream)
    assert sum(bucket.total for bucket in state.buckets) == sum(stream)
    assert sizes == sorted(sizes)
    assert len(sizes) <= (MOST_OF_A_SIZE + 1) * np.log2(len(stream))


def test_adwin_forgets_what_was_before_the_change() -> None:
    rng = np.random.default_rng(3)
    state = adwin.fold(adwin.start(Settings()), errors(rng, 0.1, 3000)).state
    folded = adwin.fold(state, errors(rng, 0.7, 1000))
    assert len(folded.alarms) >= 1
    kept = folded.state.buckets
    assert sum(one.total for one in kept) / sum(one.rows for one in kept) == pytest.approx(0.7, abs=0.07)
