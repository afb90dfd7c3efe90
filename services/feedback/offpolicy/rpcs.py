"""FeedbackService, proposals: what another configuration would have earned."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from turnout.feedback.v1 import evaluation_pb2 as wire
from turnout.router.v1.router_service_pb2 import ScoreProposalRequest

from services.feedback.offpolicy.evaluating import Evaluation, NoSupport, evaluate, table_of
from services.feedback.offpolicy.gathering import Gathering
from services.feedback.offpolicy.observed import UNKNOWN, Draw
from services.feedback.router_door import RouterDoor
from services.feedback.rulebook import Rulebook
from services.feedback.wire.evaluations import question_of, told_of
from services.foundation.call import Call

# As many as the router scores in one call.
SCORED_AT_ONCE = 2000
# Who is left out because the proposal cannot be asked of him may be unlike the others; of one in a hundred, a
# mean in [0, 1] is at most a hundredth off.
MOST_UNKNOWN = 0.01


@dataclass(frozen=True)
class Evaluator:
    """Reads logs and asks the router. `now` is in seconds since 1970."""

    gathering: Gathering
    router: RouterDoor
    rulebook: Rulebook
    now: Callable[[], float]

    async def evaluate(self, request: wire.EvaluatePolicyRequest, call: Call) -> wire.EvaluatePolicyResponse:
        """Estimate a proposal's value. Raises BadEvaluation, NoSupport, and what the router refuses."""
        rules = await self.rulebook.named(request.router)
        asked = question_of(request, rules, self.now())
        gathered = await self.gathering.gather(rules, asked.measure, asked.span)
        draws, left_out = gathered.log.draws, gathered.log.left_out
        scored = await self._scored(request, draws, call)
        kept = [place for place, shares in enumerate(scored.shares) if shares]
        if left := len(draws) - len(kept):
            left_out[UNKNOWN] += left
            _refuse_unknown(scored, len(draws))

        def work() -> Evaluation:
            table = table_of([draws[at] for at in kept], [scored.shares[at] for at in kept])
            return evaluate(table, gathered.log.unrewarded, asked.terms)

        # Rows by the thousand, fits and products: predictions of others are credited meanwhile.
        found = await asyncio.to_thread(work)
        said = [*found.warnings, *scored.warnings]
        if gathered.more:
            said.append(f"only the newest {gathered.read} predictions were read")
        if left:
            said.append(f"{left} predictions are left out: {scored.why()}")
        return told_of(found._replace(warnings=said), gathered, left_out, asked)

    async def _scored(
        self, request: wire.EvaluatePolicyRequest, draws: Sequence[Draw], call: Call
    ) -> "Scores":
        found = Scores([], Counter(), [])
        for start in range(0, len(draws), SCORED_AT_ONCE):
            some = [draw.id for draw in draws[start : start + SCORED_AT_ONCE]]
            asked = ScoreProposalRequest(
                router=request.router,
                proposal=request.proposal,
                update_mask=request.update_mask,
                prediction_ids=some,
            )
            reply = await self.router.score(asked, call)
            found = replace(found, warnings=list(reply.warnings))
            for one in reply.scores:
                found.shares.append(dict(zip(reply.variants, one.probabilities, strict=False)))
                if one.unknown:
                    found.unknown[one.unknown] += 1
        return found


@dataclass(frozen=True)
class Scores:
    """Probabilities by variant, one per draw, none where they are not known; and why, how often."""

    shares: list[Mapping[str, float]]
    unknown: Counter[str]
    warnings: Sequence[str]

    def why(self) -> str:
        """The most frequent reason."""
        return next((why for why, _ in self.unknown.most_common(1)), "")


def _refuse_unknown(scored: Scores, many: int) -> None:
    share = scored.unknown.total() / many
    if share > MOST_UNKNOWN:
        raise NoSupport(
            f"of {share:.1%} of the predictions nobody knows what the proposal would do: {scored.why()}; at "
            f"most {MOST_UNKNOWN:.0%} may be left out",
            unknown=share,
        )


class EvaluationRpcs:
    """A part of FeedbackService."""

    evaluator: Evaluator

    async def EvaluatePolicy(
        self, request: wire.EvaluatePolicyRequest, call: Call
    ) -> wire.EvaluatePolicyResponse:
        """What a proposed configuration would have earned."""
        return await self.evaluator.evaluate(request, call)
