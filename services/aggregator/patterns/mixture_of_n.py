"""Everybody answers, and a fuser makes one answer of theirs."""

from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_FUSER

from services.aggregator import prompts
from services.aggregator.chance import shuffled
from services.aggregator.errors import QuorumNotMet, Unreadable
from services.aggregator.patterns.decided import Decided
from services.aggregator.plan import MixtureOfN, Plan
from services.aggregator.polling import Poll
from services.aggregator.session import Session
from services.aggregator.verdicts import most_confident
from services.aggregator.wire.answers import read_answer
from services.aggregator.wording import answer_of, question_of


async def run(plan: Plan, session: Session) -> Decided:
    """Ask all, then the fuser, also where only one has answered: its words are the reply. If it fails the
    most confident answer is served, or the first declared where nobody says how confident it is; the reply is
    degraded and says so. Raises QuorumNotMet, also for a fuser that fails while somebody listens to it."""
    pattern = plan.pattern
    assert isinstance(pattern, MixtureOfN)  # noqa: S101 - the table leads here for no other
    poll = Poll(plan, session, pattern.fuser)
    await poll.everybody()
    votes = poll.votes()
    order = range(len(votes)) if pattern.fixed_order else shuffled(len(votes), session.seed)
    answers = [answer_of(votes[place].output) for place in order]
    given = prompts.fuse(question_of(session.given), answers, pattern.instruction, session.given)
    seat = session.seat(pattern.fuser, PARTICIPANT_ROLE_FUSER, given=given, rank=len(session.entries))
    seat.aloud = True
    entry = await session.ask(seat)
    decided = Decided(votes=votes, full=poll.full)
    if entry.answered:
        try:
            read_answer(entry.output)
        except Unreadable as wrong:
            entry.spoilt = f"malformed answer: {wrong}"
    if entry.answered:
        entry.serve()
        for vote in votes:
            for each in vote.entries:
                each.contribute()
        decided.output = entry.output
        return decided
    if session.heard:
        # Nobody's words fit behind those that were told.
        raise QuorumNotMet(f"the fuser failed after some of its words were told: {entry.tell()}")
    instead, rule = most_confident([vote.ballot for vote in votes])
    for each in votes[instead].entries:
        each.serve()
    said = f"the answer is that of {votes[instead].ballot.member}, {rule}"
    decided.output, decided.complete = votes[instead].output, False
    decided.notes.append(f"the fuser failed: {entry.tell()}; {said}")
    return decided
