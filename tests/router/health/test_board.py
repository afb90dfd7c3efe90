"""What one replica makes of what it sees, on a clock that the test moves."""

import pytest

from services.foundation.metrics import Metrics
from services.router.health.board import HealthBoard
from services.router.health.rules import Rules
from services.state.ejections import Entry

RULES = Rules(min_requests=10, interval=10.0, base_ejection=30.0, max_ejection=100.0, timeout=2.0)
HOURS = 5 * 3600.0


class Bench:
    """A board of two models, `a` and `b`, with clocks of its own and an account of what it told."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.monotonic, self.wall = 1000.0, 1_700_000_000.0
        self.metrics = Metrics()
        self.board = HealthBoard(self.metrics, now=lambda: self.monotonic, wall=lambda: self.wall)
        self.board.peers = lambda model: {"a", "b"} - {model}
        self.told: list[set[str]] = []
        self.board.subscribe(lambda models: self.told.append(set(models)))
        for model in "ab":
            self.board.hold(model, f"uid-{model}", rules)

    def fail(self, model: str, times: int) -> None:
        for _ in range(times):
            self.board.note(model, False, 0.01)

    def answer(self, model: str, times: int, seconds: float = 0.01) -> None:
        for _ in range(times):
            self.board.note(model, True, seconds)

    def later(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += seconds
        self.board.tick()

    def lend(self, model: str) -> None:
        self.board.lend(self.board.out[model], self.monotonic + 2.0, self.monotonic + 5.0)

    def left(self, model: str) -> float:
        return self.board.out[model].standing.until - self.monotonic

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.mark.parametrize(("failures", "out"), [(4, False), (5, True), (25, True)])
def test_failures_in_a_row_eject_once(failures: int, out: bool) -> None:
    bench = Bench()
    bench.fail("a", failures)
    assert ("a" in bench.board.ejected) is out
    assert bench.told == [{"a"}] * out
    if out:
        assert bench.board.ejected == {"a": bench.wall + 30.0}
        assert bench.board.view.out["a"].reason == "5 failures in a row"


def test_an_answer_ends_the_row() -> None:
    bench = Bench()
    for _ in range(20):
        bench.fail("a", 4)
        bench.answer("a", 1)
    assert not bench.board.ejected


def test_what_says_nothing_of_the_model_neither_ejects_nor_ends_the_row() -> None:
    bench = Bench()
    bench.fail("a", 4)
    for outcome, code in (("CANCELLED", "CANCELLED"), ("DROPPED", "RESOURCE_EXHAUSTED")):
        bench.board.heard("a", outcome, code, 0.0)
    for _ in range(9):
        bench.board.heard("a", "FAILED", "INVALID_ARGUMENT", 0.0)
        bench.board.heard("a", "TIMED_OUT", "DEADLINE_EXCEEDED", 0.5)
    assert not bench.board.ejected
    bench.board.heard("a", "TIMED_OUT", "DEADLINE_EXCEEDED", 2.0)
    assert set(bench.board.ejected) == {"a"}


def test_a_rate_is_judged_when_the_interval_ends_and_peers_do_better() -> None:
    bench = Bench()
    bench.answer("b", 10)
    for _ in range(5):
        bench.fail("a", 2)
        bench.answer("a", 1)
    bench.later(9.9)
    assert not bench.board.ejected
    bench.later(0.2)
    assert bench.board.view.out["a"].reason == "33% of 15 calls succeeded, and 100% of its peers'"
    assert bench.sample("turnout_model_ejections_total", model="a", reason="success_rate") == 1


def test_an_outage_of_everything_ejects_nobody_by_rate() -> None:
    bench = Bench()
    for model in "ab":
        for _ in range(5):
            bench.fail(model, 3)
            bench.answer(model, 1)
    bench.later(10.0)
    assert not bench.board.ejected


def test_slow_by_a_factor_is_ejected() -> None:
    bench = Bench(Rules(min_requests=10, interval=10.0, max_latency_factor=3.0))
    bench.answer("a", 20, 0.31)
    bench.answer("b", 20, 0.10)
    bench.later(10.0)
    assert bench.board.view.out["a"].reason == "a p95 of 310 ms, and 100 ms of its peers"


def test_a_peer_that_was_idle_bears_no_witness() -> None:
    bench = Bench()
    bench.answer("b", 100)
    bench.later(10.0)
    bench.later(11.0)
    for _ in range(5):
        bench.fail("a", 3)
        bench.answer("a", 1)
    bench.later(10.0)
    assert not bench.board.ejected


def test_who_is_not_watched_is_not_ejected() -> None:
    bench = Bench(Rules(enabled=False))
    bench.fail("a", 100)
    assert not bench.board.ejected


def test_to_stop_watching_brings_a_model_back() -> None:
    bench = Bench()
    bench.fail("a", 5)
    bench.board.hold("a", "uid-a", Rules(enabled=False))
    assert not bench.board.ejected
    assert set(bench.board.unsent) == {"a"}


def test_a_model_of_the_same_name_starts_anew() -> None:
    bench = Bench()
    bench.fail("a", 5)
    bench.board.hold("a", "another uid", RULES)
    assert not bench.board.ejected
    bench.fail("a", 4)
    bench.board.forget("a", "uid-a")
    bench.fail("a", 1)
    assert set(bench.board.ejected) == {"a"}


def test_the_gauge_follows_and_goes_with_the_model() -> None:
    bench = Bench()
    assert bench.sample("turnout_model_ejected", model="a") is None
    bench.fail("a", 5)
    assert bench.sample("turnout_model_ejected", model="a") == 1
    bench.later(30.0)
    bench.lend("a")
    assert bench.board.view.probes["a"].take()
    bench.board.heard("a", "SERVED", "", 0.01, bench.board.out["a"].probe)
    assert bench.sample("turnout_model_ejected", model="a") == 0
    bench.board.forget("a", "uid-a")
    assert bench.sample("turnout_model_ejected", model="a") is None


def test_who_recovers_counts_as_new_and_who_fails_its_probe_stays_longer() -> None:
    bench = Bench()
    bench.fail("a", 5)
    waits = []
    for _ in range(4):
        bench.later(bench.left("a"))
        bench.lend("a")
        probe = bench.board.probe("a")
        assert probe is not None
        assert probe.take()
        bench.board.heard("a", "FAILED", "UNAVAILABLE", 0.01, probe)
        bench.board.take_back(bench.board.out["a"])
        waits.append(bench.left("a"))
    assert waits == [60.0, 90.0, 100.0, 100.0]
    bench.later(100.0)
    bench.lend("a")
    probe = bench.board.probe("a")
    assert probe is not None
    assert probe.take()
    bench.board.heard("a", "SERVED", "", 0.01, probe)
    bench.fail("a", 4)
    assert not bench.board.ejected


def test_a_probe_is_one_request_at_a_time_and_ends_with_its_lease() -> None:
    bench = Bench()
    bench.fail("a", 5)
    bench.later(30.0)
    bench.lend("a")
    probe = bench.board.probe("a")
    assert probe is not None
    assert [probe.take(), probe.take(), probe.free] == [True, False, False]
    # It said nothing of the model, so the next may try.
    bench.board.heard("a", "CANCELLED", "CANCELLED", 0.0, probe)
    assert (probe.free, probe.over) == (True, False)
    bench.later(2.0)
    assert (probe.free, probe.over) == (False, True)


def test_whoever_never_says_what_came_of_the_probe_loses_it() -> None:
    bench = Bench()
    bench.fail("a", 5)
    bench.later(30.0)
    bench.lend("a")
    probe = bench.board.probe("a")
    assert probe is not None
    assert probe.take()
    bench.later(4.9)
    assert not probe.over
    bench.later(0.1)
    assert probe.over


def entry(now: int, **said: int) -> Entry:
    known = {"number": 1, "times": 1, "span": 30_000, "began": 0, "expires": 30_000, "cleared": 0}
    return Entry(model_uid="uid-a", now=now, reason="5 failures in a row", by="r", **{**known, **said})


@pytest.mark.parametrize("jump", [HOURS, -HOURS])
def test_a_wall_clock_that_jumps_neither_frees_nor_holds_a_model(jump: float) -> None:
    bench = Bench()
    bench.fail("a", 5)
    bench.wall += jump
    for _ in range(29):
        bench.later(1.0)
        assert not bench.board.out["a"].half_open(bench.monotonic)
    bench.later(1.0)
    assert bench.board.out["a"].half_open(bench.monotonic)


@pytest.mark.parametrize("jump", [int(HOURS * 1000), -int(HOURS * 1000)])
def test_the_clock_of_redis_that_jumps_neither_frees_nor_holds_a_model(jump: int) -> None:
    bench = Bench()
    bench.board.take_in(0, [entry(0)])
    for second in range(1, 30):
        bench.later(1.0)
        bench.board.take_in(second * 1000 + jump, [entry(second * 1000 + jump)])
        assert not bench.board.out["a"].half_open(bench.monotonic)
    bench.later(1.0)
    assert bench.board.out["a"].half_open(bench.monotonic)


def test_what_others_eject_is_out_here_too_and_not_told_again() -> None:
    bench = Bench()
    bench.board.take_in(10_000, [entry(10_000)])
    assert bench.left("a") == 20.0
    assert not bench.board.unsent
    assert bench.sample("turnout_model_ejections_total", model="a", reason="probe") is None
    version = bench.board.version
    bench.board.take_in(11_000, [entry(11_000)])
    assert bench.board.version == version
    bench.board.take_in(12_000, [entry(12_000, cleared=12_000)])
    assert not bench.board.ejected


def test_failures_of_calls_that_began_before_an_ejection_do_not_prolong_it() -> None:
    bench = Bench()
    bench.fail("a", 5)
    bench.later(10.0)
    bench.fail("a", 50)
    assert bench.left("a") == 20.0
