"""Everybody answers, and the plan's method makes one answer of it.

A plurality vote that stands before everybody has answered spares the rest. A staged jury asks first the few
that can settle it, and the others as failures and votes against make them necessary. A sampled share of the
predictions asks everybody all the same: what is learnt from panels must not be learnt from quick settlements
alone.
"""

from turnout.inference.v1.output_pb2 import Output

from services.aggregator.answers import Taken, Verdict
from services.aggregator.errors import TooManyFields
from services.aggregator.patterns.decided import Decided
from services.aggregator.plan import Jury, Plan
from services.aggregator.polling import Poll
from services.aggregator.session import Session
from services.aggregator.sifting import leave_out, sifted, thinned
from services.aggregator.stopping import can_stop
from services.aggregator.testimony import Vote
from services.aggregator.verdicts import Deliberation, deliberate
from services.aggregator.wire.answers import output_of


async def run(plan: Plan, session: Session) -> Decided:
    """Ask the members, at once or in waves, and combine their votes. Raises QuorumNotMet, CannotCombine."""
    poll = Poll(plan, session, plan.meta or plan.embedder)
    pattern = plan.pattern
    whole = not can_stop(plan.recipe) or session.sampled
    if whole or len(plan.members) == 1:
        await poll.everybody()
    else:
        await poll.settle(in_waves=isinstance(pattern, Jury) and pattern.staged)
    votes, found = await _decided(plan, session, sifted(plan, poll.votes()))
    credit(votes, found)
    return Decided(
        output=_output(found.verdict, votes),
        votes=votes,
        verdict=found.verdict,
        recipe=found.recipe,
        notes=[*found.notes, *found.verdict.notes],
        complete=found.helped,
        full=poll.full,
        stopped_early=poll.stopped,
    )


def _output(verdict: Verdict, votes: list[Vote]) -> Output:
    answer = verdict.answer
    return votes[answer.ballot].output if isinstance(answer, Taken) else output_of(answer)


async def _decided(plan: Plan, session: Session, votes: list[Vote]) -> tuple[list[Vote], Deliberation]:
    """The votes that count, and what they came to. Who has more fields than all together may have is left
    out, as long as the rest are a quorum."""
    try:
        return votes, await deliberate(plan, session, votes)
    except TooManyFields:
        rest, others = thinned(votes)
        if len(rest) < plan.quorum:
            raise
    leave_out(others)
    return rest, await deliberate(plan, session, rest)


def credit(votes: list[Vote], found: Deliberation) -> None:
    """What each answer was worth: of a batch in its first row, and of several answers of a member in equal
    parts. Where a helper failed one answer stands in for all, and the others were for nothing."""
    for vote, share in zip(votes, found.verdict.shares[:, 0].tolist(), strict=True):
        for entry in vote.entries:
            if share or found.helped:
                entry.contribute(share / len(vote.entries))
