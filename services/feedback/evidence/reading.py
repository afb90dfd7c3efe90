"""The state as its readers see it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from turnout.feedback.v1.evidence_pb2 import ArmEvidence, EvidenceState

from services.feedback.evidence.desk import MOST_UNITS
from services.feedback.evidence.folding import (
    DIFFERS,
    MOST_SEGMENTS,
    SEGMENTED,
    key_of,
    missing_of,
    parts_of,
    question,
    ratio_of,
    state_of,
)
from services.feedback.evidence.model import ArmCount, Comparison, Doubt, Evidence, Tested
from services.feedback.evidence.plan import Metric, TestSpec, Watch
from services.feedback.rules import Rules
from services.feedback.sequential.display import estimate
from services.feedback.sequential.folding import log_capital, log_evidence
from services.feedback.sequential.srm import PRESENT, srm_log_evidence
from services.state.evidence import EvidenceLog, Place

# By the tests that say best which metric it is about.
PRIMARY = ("primary", "promotion")
LOST = (
    "A router of this partition lost events in this epoch, for want of room while Redis was away: decisions "
    "may be missing. The sample ratio tells if that went by the arm."
)


def tests_of(rules: Rules) -> Sequence[TestSpec]:
    """What is asked of a router's arms; nothing where it has neither an experiment nor a canary that asks."""
    return rules.watch.tests if rules.watch else ()


@dataclass(frozen=True, slots=True)
class EvidenceStore:
    """Reads evidence, from any process."""

    log: EvidenceLog

    async def read(self, rules: Rules) -> Evidence | None:
        """What is known in the present epoch; None where nothing is asked, or nothing folded yet. Raises
        StateUnavailable, NewerFormat."""
        watch = rules.watch
        if watch is None:
            return None
        place = Place(rules.partition, rules.uid)
        state = await self.log.state(place)
        if state is None or state.epoch != watch.epoch:
            return None
        found = evidence_of(watch, state)
        lost = await self.log.lost_since(place, found.started)
        return replace(found, warnings=[*found.warnings, LOST]) if lost else found


def evidence_of(watch: Watch, state: EvidenceState) -> Evidence:
    """The state, read."""
    segments = sorted({segment for segment, _, _ in map(parts_of, state.tests) if segment})
    within = [spec for spec in watch.tests if spec.name in SEGMENTED]
    ratio = ratio_of(state, watch)
    return Evidence(
        epoch=state.epoch,
        started=state.started * 60.0,
        watermark=min(state.told, state.seen) * 60.0,
        seen=state.seen * 60.0,
        arms={arm: _count(_arm(state, arm), _primary(watch)) for arm in watch.arms},
        comparisons=list(_comparisons(watch, watch.tests, state)),
        ratio=Doubt(srm_log_evidence(ratio), float(ratio[PRESENT])),
        missing=dict(_missing(watch, state)),
        segments={one: list(_comparisons(watch, within, state, one)) for one in segments},
        units=state.units,
        full=state.full,
        thinned=state.thinned,
        latency={arm: dict(_arm(state, arm).latency_cells) for arm in watch.arms},
        warnings=list(_warnings(state)),
    )


def _comparisons(
    watch: Watch, specs: Sequence[TestSpec], state: EvidenceState, segment: str = ""
) -> Iterator[Comparison]:
    for treatment in watch.treatments:
        tests = {}
        for spec in specs:
            test = question(spec)
            folded = state_of(_at(state.tests, key_of(treatment, spec.name, segment)), test)
            told = estimate(test, folded, spec.alpha)
            tests[spec.name] = Tested(spec, log_evidence(test, folded), told, folded)
        yield Comparison(treatment, watch.baseline, tests)


def _missing(watch: Watch, state: EvidenceState) -> Iterator[tuple[tuple[str, str], Doubt]]:
    for key, blob in state.missing.items():
        treatment, metric = missing_of(key)
        if metric in watch.metrics:
            folded = state_of(blob, DIFFERS)
            yield (metric, treatment), Doubt(log_evidence(DIFFERS, folded), log_capital(DIFFERS, folded))


def _count(arm: ArmEvidence, primary: Metric) -> ArmCount:
    mature, missing = arm.mature.get(primary.name, 0), arm.missing.get(primary.name, 0)
    return ArmCount(arm.decisions, mature, missing, arm.failures, arm.late)


def _primary(watch: Watch) -> Metric:
    named = {spec.name: spec.metric for spec in watch.tests}
    first = next((named[name] for name in PRIMARY if name in named), watch.tests[0].metric)
    return watch.metrics[first]


def _arm(state: EvidenceState, arm: str) -> ArmEvidence:
    # Of a map of messages, asking makes an entry: what is only read must not change.
    return state.arms[arm] if arm in state.arms else ArmEvidence()


def _at(states: Mapping[str, bytes], key: str) -> bytes:
    return states.get(key, b"")


def _warnings(state: EvidenceState) -> Iterator[str]:
    late: dict[str, int] = defaultdict(int)
    for name, arm in sorted(state.arms.items()):
        late[name] = arm.late
    if told := ", ".join(f"{count:,} of {name}" for name, count in late.items() if count):
        yield (
            f"Decisions that came after their minute was folded are no observations: {told}. Events wait "
            "where a call has a longer deadline than default_deadline, and where Redis was away."
        )
    if state.thinned:
        yield (
            f"{state.thinned:,} decisions were left out by a draw of their units, to keep within bounds: the "
            "others are as good, and fewer."
        )
    if state.full:
        yield f"{MOST_UNITS:,} units are remembered, and no more can be: the evidence stands still."
    if state.segments_full:
        yield f"More than {MOST_SEGMENTS} values of segments came: what came later is OTHER."
