"""Everybody answers, and a judge picks the best answer."""

from collections.abc import Sequence

import numpy as np
from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_JUDGE
from turnout.inference.v1.output_pb2 import Output

from services.aggregator import prompts
from services.aggregator.answers import Taken, Verdict
from services.aggregator.asking import Seat
from services.aggregator.canonical import NotJson, parse_told
from services.aggregator.chance import shuffled
from services.aggregator.patterns.decided import Decided
from services.aggregator.plan import BestOfN, Plan
from services.aggregator.polling import Poll
from services.aggregator.session import Session
from services.aggregator.testimony import Vote
from services.aggregator.verdicts import most_confident
from services.aggregator.wording import answer_of, question_of


class NoChoice(Exception):
    """The judge answered, and named none of the answers."""


async def run(plan: Plan, session: Session) -> Decided:
    """Ask all, then the judge. If the judge fails the most confident answer is served, or the first declared
    where nobody says how confident it is; the reply is degraded and says so. Raises QuorumNotMet."""
    pattern = plan.pattern
    assert isinstance(pattern, BestOfN)  # noqa: S101 - the table leads here for no other
    poll = Poll(plan, session, pattern.judge)
    await poll.everybody()
    votes = poll.votes()
    chosen, note = await _choose(pattern, session, votes)
    for entry in votes[chosen].entries:
        entry.serve()
    shares = np.zeros((len(votes), votes[chosen].ballot.answer.rows))
    shares[chosen] = 1
    return Decided(
        output=votes[chosen].output,
        votes=votes,
        verdict=Verdict(Taken(chosen), shares, np.zeros(shares.shape[1], dtype=np.bool_)),
        notes=[note] if note else [],
        complete=not note,
        full=poll.full,
    )


async def _choose(pattern: BestOfN, session: Session, votes: Sequence[Vote]) -> tuple[int, str]:
    """The place of the best answer, and what is to be told of how it was found."""
    if len(votes) == 1:
        return _spared(pattern, session, "there is one answer")
    # Judges favour the first answer that they read.
    order = list(range(len(votes))) if pattern.fixed_order else shuffled(len(votes), session.seed)
    answers = [answer_of(votes[place].output) for place in order]
    if len(set(answers)) == 1:
        return _spared(pattern, session, "all answers are the same")
    given = prompts.compare(question_of(session.given), answers, pattern.rubric)
    seat = session.seat(pattern.judge, PARTICIPANT_ROLE_JUDGE, given=given, rank=len(session.entries))
    entry = await session.ask(seat)
    if entry.answered:
        try:
            best = choice(entry.output, len(votes))
        except NoChoice as wrong:
            entry.spoilt, entry.excused = str(wrong), True
        else:
            entry.contribute()
            return order[best - 1], ""
    ballots = [vote.ballot for vote in votes]
    instead, rule = most_confident(ballots)
    said = f"the answer is that of {ballots[instead].member}, {rule}"
    return instead, f"the judge failed: {entry.tell()}; {said}"


def _spared(pattern: BestOfN, session: Session, why: str) -> tuple[int, str]:
    """The first answer; nobody had to pick it."""
    seat = Seat(pattern.judge, PARTICIPANT_ROLE_JUDGE, rank=len(session.entries))
    session.skip(seat, f"not asked: {why}", spared=True)
    return 0, ""


def choice(output: Output, answers: int) -> int:
    """The number that a judge names, 1 to `answers`. Raises NoChoice for anything else: a guess at what it
    may have meant would be a random answer in disguise."""
    try:
        said = parse_told(output.text.content)
    except NotJson as wrong:
        raise NoChoice(f"its choice is no JSON: {wrong}") from wrong
    best = said.get("best") if isinstance(said, dict) else None
    if isinstance(best, bool) or not isinstance(best, int) or not 1 <= best <= answers:
        raise NoChoice(f"'best' is to be a number from 1 to {answers}, got {best!r:.40}")
    return best
