"""What a decision says of itself, as far as it is known before its request comes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import PredictionEvent
from turnout.inference.v1.manifest_pb2 import Decision, DecisionMode, DrawSource, Manifest, StateVersions

from services.router.deciding.shares import MEASURING, Shares
from services.router.execution.frames import Sheet
from services.router.strategies import Allocation
from services.state import formats

STRATEGY, POLICY, PINNED, ENSEMBLE, DEFAULT = (
    manifest.DECISION_MODE_STRATEGY,
    manifest.DECISION_MODE_POLICY,
    manifest.DECISION_MODE_PINNED,
    manifest.DECISION_MODE_ENSEMBLE,
    manifest.DECISION_MODE_DEFAULT,
)
IGNORED = "; health is ignored: no healthy variant has a share"


@dataclass(frozen=True, slots=True)
class Header:
    """What all sheets of a router say: who it is, its variants with their models, and the versions of what
    decides."""

    router: str
    uid: str
    generation: int
    variants: Sequence[str]
    models: Sequence[str]
    versions: StateVersions

    def sheet(self, decision: Decision) -> Sheet:
        """The event around a decision."""
        event = PredictionEvent(format=formats.PREDICTION_EVENT, router_uid=self.uid)
        told = Manifest(router=self.router, generation=self.generation)
        decision.versions.CopyFrom(self.versions)
        return Sheet(event.SerializeToString(), told.SerializeToString(), decision.SerializeToString())


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said of the decisions of one route. `reasons` tell by variant why it is not eligible, or has no
    share; `note` ends the explanation."""

    header: Header
    mode: DecisionMode
    strategy: str
    policy: str = ""
    draw: DrawSource = manifest.DRAW_SOURCE_GENERATOR
    reasons: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def drawn(self, shares: Shares) -> Callable[[int], Sheet]:
        """Sheets of variants that are drawn with these shares."""

        def say(place: int) -> Sheet:
            decision = self.chosen(place)
            decision.MergeFrom(self.weighed(place, shares, self.scores))
            return self.header.sheet(decision)

        return say

    def chosen(self, place: int) -> Decision:
        """The decision for the variant at `place`, whatever its probability."""
        return Decision(
            mode=self.mode,
            variant=self.header.variants[place],
            model=self.header.models[place],
            strategy=self.strategy,
            policy=self.policy,
            draw=self.draw,
        )

    def weighed(self, place: int, shares: Shares, scores: Mapping[str, float]) -> Decision:
        """What depends on the shares: everybody's, and the propensity of the variant at `place`."""
        variant, share = self.header.variants[place], shares.allocation[place]
        decision = Decision(propensity=share)
        if shares.by_default:
            decision.mode = DEFAULT
            lacks = " who is well and measured within its bounds" if self.strategy in MEASURING else ""
            said = f"{variant} answers by default: {self.strategy} has nobody{lacks}"
        elif self.strategy == "feature_based":
            said = f"no rule matches: {variant} answers" if self.mode == DEFAULT else f"{variant} answers"
        else:
            among = sum(shares.able)
            said = f"{self.strategy} drew {variant} with probability {share:.4g} among {among} variants"
        ignored = IGNORED if shares.ignored and not self.note else ""
        decision.explanation = f"{self._led_by()}{said}{self.note}{ignored}"
        self.enter(decision, shares.allocation, shares.able, scores)
        return decision

    def _led_by(self) -> str:
        if not self.policy:
            return ""
        return f"policy {self.policy}: " if self.mode == POLICY else f"{self.policy} matches: "

    def pinned(self, place: int, allocation: Allocation, able: Sequence[bool]) -> Sheet:
        """The sheet of a variant that the caller asked for, beside what would have been drawn from."""
        decision = self.chosen(place)
        variant = self.header.variants[place]
        decision.mode, decision.draw = PINNED, manifest.DRAW_SOURCE_UNSPECIFIED
        decision.propensity, decision.explanation = 1.0, f"the caller pinned {variant}; nothing was drawn"
        self.enter(decision, allocation, able, self.scores)
        return self.header.sheet(decision)

    def asked(self, shares: Shares, explanation: str) -> Sheet:
        """The sheet of a jury."""
        decision = Decision(mode=self.mode, strategy=self.strategy, policy=self.policy, propensity=1.0)
        decision.explanation = f"{self._led_by()}{explanation}{self.note}"
        self.enter(decision, shares.allocation, shares.able, {})
        return self.header.sheet(decision)

    def enter(
        self, decision: Decision, allocation: Allocation, able: Sequence[bool], scores: Mapping[str, float]
    ) -> None:
        """Enter every variant as a candidate."""
        header = self.header
        for variant, model, share, may in zip(header.variants, header.models, allocation, able, strict=True):
            one = decision.candidates.add(variant=variant, model=model, probability=share, eligible=may)
            one.reason = self.reasons.get(variant, "")
            if variant in scores:
                one.score = scores[variant]
