"""What holds of every canary, whatever is seen and in whatever order: a state machine with simulated time."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.feedback.canary.deciding import STALE_SECONDS, Decision, Kind, Memory, decide, remember
from services.feedback.canary.findings import LOSS, PROMOTION, ArmSeen, Recent, Seen
from services.feedback.canary.plan import Canary, Criteria, Guardrail, State, Step
from tests.feedback.canary.plans import NOW, THRESHOLD, finding, plan

HORIZON = 600.0
QUESTIONS = st.sampled_from([LOSS, "guardrail:latency", "guardrail:cost"])
EVIDENCE = st.sampled_from([-5.0, 0.0, THRESHOLD - 1e-9, THRESHOLD, 50.0])


class Trials(RuleBasedStateMachine):
    """The world of one canary: labels come or do not, evidence grows, people pause and resume; the controller
    looks, and does what `decide` says, as the router would."""

    plan: Canary
    memory: Memory
    now: float
    seen: Seen | None

    @initialize(
        percentages=st.lists(st.integers(1, 99), max_size=2, unique=True),
        samples=st.sampled_from([0, 1, 40]),
        seconds=st.sampled_from([0.0, 90.0]),
        budget=st.sampled_from([0, 60, 300]),
        judged=st.booleans(),
        literal=st.booleans(),
        known=st.sampled_from([0, 45]),
    )
    def begin(
        self,
        percentages: list[int],
        samples: int,
        seconds: float,
        budget: int,
        judged: bool,
        literal: bool,
        known: int,
    ) -> None:
        steps = [Step(one, seconds, samples) for one in sorted(percentages)]
        self.plan = plan(
            steps=steps,
            percentage=steps[0].percentage if steps else 10.0,
            criteria=Criteria("accuracy", 0.01, samples) if judged else None,
            guardrails=[
                Guardrail("latency", 1.0),
                Guardrail("drift"),
                Guardrail("cost", 1.0, rollback=False),
            ],
            max_samples=budget,
            literal=literal,
            label_horizon=HORIZON,
        )
        self.memory, self.now, self.seen = Memory(), NOW, None
        if known:
            self.seen = Seen(NOW, ArmSeen(known, known), ArmSeen(known, known))
        self.generation = 1

    @rule(seconds=st.sampled_from([0.1, 100.0, 1000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(new=st.integers(0, 60), old=st.integers(0, 60), lag=st.floats(0, HORIZON + 2 * STALE_SECONDS))
    def labels_come(self, new: int, old: int, lag: float) -> None:
        former = self.seen or Seen()
        self.seen = replace(
            former,
            watermark=max(former.watermark, self.now - lag),
            canary=ArmSeen(former.canary.decisions + new, former.canary.labelled + new),
            baseline=ArmSeen(former.baseline.decisions + old, former.baseline.labelled + old),
        )

    @precondition(lambda self: self.seen)
    @rule(log_e=EVIDENCE)
    def evidence_grows(self, log_e: float) -> None:
        self._tell(PROMOTION, log_e)

    # Harm ends a trial: it is rarer than the rest, so that others come to their end by themselves.
    @precondition(lambda self: self.seen)
    @rule(question=QUESTIONS, log_e=EVIDENCE, rarely=st.integers(0, 5))
    def harm_shows(self, question: str, log_e: float, rarely: int) -> None:
        self._tell(question, log_e if rarely == 0 else -1.0)

    def _tell(self, question: str, log_e: float) -> None:
        assert self.seen is not None
        told = finding(
            question, log_e, excess=log_e / 10, n0=self.seen.baseline.labelled, n1=self.seen.canary.labelled
        )
        self.seen = replace(self.seen, findings={**self.seen.findings, question: told})

    @precondition(lambda self: self.seen)
    @rule(
        doubts=st.lists(st.just("doubtful"), max_size=1),
        drift=st.sampled_from(["ok"] * 9 + ["alert"]),
        failures=st.sampled_from([0] * 7 + [9, 10, 20]),
    )
    def the_world_changes(self, doubts: list[str], drift: str, failures: int) -> None:
        assert self.seen is not None
        self.seen = replace(self.seen, doubts=doubts, drift=drift, recent=Recent(20, failures, 100, 1))

    @rule(state=st.sampled_from([State.PAUSED, State.RUNNING]))
    def a_person_pauses_or_resumes(self, state: State) -> None:
        if self.plan.trial.state in (State.PAUSED, State.RUNNING):
            self.plan = replace(self.plan, trial=self.plan.trial._replace(state=state))

    @rule()
    def the_controller_looks(self) -> None:
        self.memory = remember(self.memory, self.plan, self.seen)
        decision = decide(self.plan, self.memory, self.seen, self.now)
        assert bool(decision.move) != bool(decision.waiting)
        if decision.move:
            self._judge(decision)
            self._carry_out(decision)

    def _judge(self, decision: Decision) -> None:
        """Every promise, looked at from outside of the decision's own code."""
        move, given, known = decision.move, self.plan, self.seen
        assert move is not None
        assert known is not None, "nothing happens while nothing is known"
        assert given.trial.state in (State.RUNNING, State.PAUSED, State.HELD)
        harmed = known.drift == "alert" or known.recent.failures > 10 or self._declared("guardrail:latency")
        harmed = harmed or (given.criteria is not None and not given.literal and self._declared(LOSS))
        assert harmed == (move.kind is Kind.ROLLBACK), (
            "harm pre-empts everything, and nothing else rolls back"
        )
        if move.kind is Kind.ROLLBACK:
            return
        assert given.trial.state is State.RUNNING, "what stands still does not grow"
        if move.kind is Kind.PAUSE:
            assert self._declared("guardrail:cost")
            return
        assert not known.doubts
        assert known.watermark >= self.now - HORIZON - STALE_SECONDS, "silence is never success"
        if move.kind is Kind.HOLD:
            assert min(known.canary.labelled, known.baseline.labelled) >= given.max_samples > 0
            assert given.criteria is None or not self._earned(given.criteria)
            return
        assert known.canary.labelled > 0
        assert self.now >= given.trial.since + given.stage.min_seconds
        if move.kind is Kind.STEP:
            later = [one.percentage for one in given.steps if one.percentage > given.percentage]
            assert move.percentage == min(later), "one step at a time"
            return
        assert move.kind is Kind.PROMOTE
        assert given.criteria is not None
        assert self._earned(given.criteria), "no promotion without evidence"
        assert all(one.percentage <= given.percentage for one in given.steps), "not before the last step"

    def _declared(self, question: str) -> bool:
        told = self.seen.findings.get(question) if self.seen else None
        if told is None or not told.n1:
            return False
        if self.plan.literal:
            return told.excess > 0 and told.n1 >= max(30, self._least)
        return told.log_e >= THRESHOLD

    @property
    def _least(self) -> int:
        return self.plan.criteria.min_samples if self.plan.criteria else 0

    def _earned(self, criteria: Criteria) -> bool:
        told = self.seen.findings.get(PROMOTION) if self.seen else None
        if told is None or min(told.n0, told.n1) < max(criteria.min_samples, 1):
            return False
        return told.excess >= 0 if self.plan.literal else told.log_e >= THRESHOLD

    def _carry_out(self, decision: Decision) -> None:
        assert decision.move is not None
        self.generation += 1
        states = {
            Kind.PAUSE: State.PAUSED,
            Kind.HOLD: State.HELD,
            Kind.PROMOTE: State.PROMOTED,
            Kind.ROLLBACK: State.ROLLED_BACK,
        }
        former = self.plan.trial
        if state := states.get(decision.move.kind):
            self.plan = replace(self.plan, trial=former._replace(state=state))
        else:
            stage = former._replace(stage=self.generation, since=self.now)
            self.plan = replace(self.plan, percentage=decision.move.percentage, trial=stage)

    @invariant()
    def it_never_goes_beyond_its_last_step(self) -> None:
        if hasattr(self, "plan"):
            assert self.plan.percentage <= max((one.percentage for one in self.plan.steps), default=10.0)


TestTrials = Trials.TestCase
TestTrials.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)
