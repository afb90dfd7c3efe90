"""One member after the other until an answer will do: a cascade, the cheapest first, or a judge.

A member that fails is passed over. What is asked of an answer: enough confidence, enough others who said the
same, a check that it passes; everything that the plan names must hold.
"""

from collections.abc import Sequence as Several
from dataclasses import dataclass, field

import numpy as np
from turnout.inference.v1.manifest_pb2 import PARTICIPANT_ROLE_FALLBACK, PARTICIPANT_ROLE_PRIMARY
from turnout.router.v1.model_pb2 import PROTOCOL_OPENAI_CHAT

from services.aggregator import prompts
from services.aggregator.alike import alike
from services.aggregator.answers import Taken, Verdict, kind_of
from services.aggregator.asking import Seat
from services.aggregator.checking import rule, unread
from services.aggregator.checks.check import Ruling
from services.aggregator.checks.verifier import Verifier
from services.aggregator.errors import NotAccepted
from services.aggregator.patterns.decided import Decided
from services.aggregator.plan import Plan, Sequence
from services.aggregator.polling import listed, missed, refuse
from services.aggregator.session import Session
from services.aggregator.testimony import Vote, votes_of
from services.aggregator.wording import answer_of

NOT_NEEDED = "not asked: an earlier answer will do"


@dataclass(slots=True)
class Hearings:
    """What was answered so far, and why it would not do."""

    votes: list[Vote] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    whole: bool = True

    @property
    def standing(self) -> list[Vote]:
        """The last answer of each member, in the order in which they came: who is asked again has taken
        back what it said before."""
        latest: dict[str, Vote] = {}
        for vote in self.votes:
            latest.pop(vote.ballot.member, None)
            latest[vote.ballot.member] = vote
        return list(latest.values())


async def run(plan: Plan, session: Session) -> Decided:
    """Ask, look at the answer, ask the next. Raises NotAccepted where nobody's answer will do and the plan
    does not serve the last; QuorumNotMet where nobody answered."""
    pattern = plan.pattern
    assert isinstance(pattern, Sequence)  # noqa: S101 - the table leads here for no other
    queue = list(_order(plan, pattern, session))
    heard, last = Hearings(notes=unread(session, pattern.check)), queue[-1]
    while len(heard.reasons) < pattern.rounds and session.left > 0:
        again = not queue
        rank = last if again else queue.pop(0)
        vote = await _answer(plan, pattern, session, rank, queue, heard)
        if vote is None and again:
            break
        if vote is not None and await _will_do(pattern, session, vote, heard, queue, plan):
            _spare(plan, session, queue, NOT_NEEDED)
            return _served(heard, len(heard.reasons) + 1)
        if not queue and not _repeats(pattern, plan):
            break
        session.desk.watch.escalated(session.router)
    _spare(
        plan,
        session,
        queue,
        "not asked: no time was left" if session.left <= 0 else "not asked: enough were audited",
    )
    if queue and session.left <= 0:
        heard.whole = False
    return _exhausted(plan, pattern, session, heard)


def _order(plan: Plan, pattern: Sequence, session: Session) -> Several[int]:
    if pattern.order is not None:
        return pattern.order
    prices = [session.price(member) for member in plan.members]
    return sorted(range(len(prices)), key=lambda rank: (_or_infinite(prices[rank]), rank))


def _or_infinite(price: float | None) -> float:
    return float("inf") if price is None else price


def _repeats(pattern: Sequence, plan: Plan) -> bool:
    """Whether the last is asked again once everybody was asked: there are more rounds than members to ask."""
    return pattern.rounds > pattern.asked(len(plan.members))


async def _answer(
    plan: Plan, pattern: Sequence, session: Session, rank: int, queue: Several[int], heard: Hearings
) -> Vote | None:
    """The member's answer; None if it has none."""
    member = plan.members[rank]
    role = PARTICIPANT_ROLE_FALLBACK if session.entries else PARTICIPANT_ROLE_PRIMARY
    given = session.given
    if pattern.tell_reason and heard.votes and session.protocol(member) == PROTOCOL_OPENAI_CHAT:
        given = prompts.again(given, answer_of(heard.votes[-1].output), heard.reasons[-1])
    later = _later(plan, pattern, session, queue)
    seat = session.seat(member, role, given=given, rank=len(session.entries), later=later)
    entry = await session.ask(seat)
    votes = votes_of([entry])
    if not votes:
        heard.whole = False
        heard.notes.append(f"{member.variant} did not answer: {entry.tell()}")
        return None
    heard.votes.append(votes[0])
    return votes[0]


def _later(plan: Plan, pattern: Sequence, session: Session, queue: Several[int]) -> float:
    """Seconds for the check of this answer, and for everybody who may come after it."""
    audit = _audit(pattern, session)
    return audit + sum(session.patience(plan.members[rank]) + audit for rank in queue)


def _audit(pattern: Sequence, session: Session) -> float:
    kind = pattern.check.kind if pattern.check is not None else None
    return session.patience(kind.helper) if isinstance(kind, Verifier) else 0.0


async def _will_do(
    pattern: Sequence, session: Session, vote: Vote, heard: Hearings, queue: Several[int], plan: Plan
) -> bool:
    """Whether the answer will do; if not, the reason is noted."""
    ruling = _sure(pattern, vote)
    if ruling.accepted and pattern.agreement is not None:
        ruling = _agreed(pattern.agreement, heard.votes)
    if ruling.accepted and pattern.check is not None:
        later = _later(plan, pattern, session, queue) - _audit(pattern, session)
        ruling = await rule(session, pattern.check, vote, later=later)
        if ruling.failed:
            heard.whole = False
            held = "it was accepted" if ruling.accepted else "it was rejected"
            heard.notes.append(
                f"the answer of {vote.ballot.member} could not be checked, and {held}: {ruling.reason}"
            )
    if not ruling.accepted:
        heard.reasons.append(ruling.reason)
    return ruling.accepted


def _sure(pattern: Sequence, vote: Vote) -> Ruling:
    if pattern.min_confidence is None:
        return Ruling(True)
    confidence = vote.ballot.confidence
    if confidence is None:
        return Ruling(False, "it has no confidence")
    least = float(confidence.min())
    return Ruling(
        least >= pattern.min_confidence, f"its confidence is {least:.3g}, below {pattern.min_confidence:g}"
    )


def _agreed(wanted: int, votes: Several[Vote]) -> Ruling:
    """Whether as many have given the same answer as the last one, itself included."""
    count = 1 + sum(_same(vote, votes[-1]) for vote in votes[:-1])
    return Ruling(count >= wanted, f"{count} of {wanted} gave this answer")


def _same(one: Vote, other: Vote) -> bool:
    mine, theirs = one.ballot.answer, other.ballot.answer
    if kind_of(mine) != kind_of(theirs) or mine.rows != theirs.rows:
        return False
    same = alike([mine, theirs])
    return same is not None and bool(same[0, 1].all())


def _spare(plan: Plan, session: Session, queue: Several[int], why: str) -> None:
    for rank in queue:
        seat = Seat(plan.members[rank], PARTICIPANT_ROLE_FALLBACK, rank=len(session.entries))
        session.skip(seat, why, spared=True)


def _served(heard: Hearings, rounds: int) -> Decided:
    """The last answer is the reply; who said the same has a part in it."""
    votes = heard.standing
    *others, last = votes
    for vote in others:
        if _same(vote, last):
            vote.entries[0].contribute()
    last.entries[0].serve()
    shares = np.zeros((len(votes), last.ballot.answer.rows))
    shares[-1] = 1
    verdict = Verdict(Taken(len(others)), shares, np.zeros(shares.shape[1], dtype=np.bool_))
    return Decided(
        output=last.output,
        votes=votes,
        verdict=verdict,
        notes=heard.notes,
        complete=heard.whole,
        rounds=rounds,
    )


def _exhausted(plan: Plan, pattern: Sequence, session: Session, heard: Hearings) -> Decided:
    if not heard.votes:
        seats = [entry.seat for entry in session.entries]
        if all(seat.excuse is not None for seat in seats):
            # Nobody was called: the input fits none of them, or none is known.
            refuse(seats, 1)
        raise missed(plan, session.entries, 0, 1)
    pairs = zip(heard.votes, heard.reasons, strict=False)
    told = listed([f"{vote.ballot.member}: {reason}" for vote, reason in pairs])
    if not pattern.serve_last:
        decided = Decided(votes=heard.standing, notes=heard.notes, complete=False, rounds=len(heard.reasons))
        decided.error = NotAccepted(f"nobody's answer will do: {told}")
        return decided
    heard.notes.append(_last_resort(pattern, heard, told))
    # Nobody is missing by it: the plan serves the last answer where none will do.
    return _served(heard, len(heard.reasons))


def _last_resort(pattern: Sequence, heard: Hearings, told: str) -> str:
    """Why the last answer is served, which will not do either, and how sure it is."""
    if pattern.agreement is not None or pattern.check is not None:
        return f"nobody's answer will do, and the last one is served: {told}"
    last = heard.votes[-1].ballot
    sure = "no confidence" if last.confidence is None else f"a confidence of {last.confidence.min():.3g}"
    wanted = f"{pattern.min_confidence:g} or more is wanted"
    return f"no member was confident enough, {wanted}: the last, {last.member}, answered with {sure}"
