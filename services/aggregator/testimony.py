"""What members said, as ballots: one per member, however many answers were drawn from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from turnout.inference.v1.output_pb2 import Output

from services.aggregator.alike import alike
from services.aggregator.answers import Answer, Ballot, Classes, Taken, Text
from services.aggregator.asking import Entry, Testimony
from services.aggregator.combiners import COMBINERS
from services.aggregator.errors import CannotCombine, NothingSaid, Unreadable
from services.aggregator.plan import Plan
from services.aggregator.recipe import PLAIN, Options, Recipe
from services.aggregator.sound import require_readable, require_sound
from services.aggregator.tolerance import EXACT
from services.aggregator.voices import Member
from services.aggregator.wire.answers import classes_of, confidence_of, output_of, read_answer
from services.models.answer import Answer as Reply

# In the place of an output that need not be made: the answer is there without it.
_UNREAD = Output()


@dataclass(frozen=True, slots=True, eq=False)
class Vote:
    """A member's ballot, and the attempts that it rests on; `made` of them, where there are several or the
    first one's own output will not do."""

    ballot: Ballot
    entries: Sequence[Entry]
    made: Output | None = None

    @property
    def output(self) -> Output:
        """What the reply is if the ballot is taken. Made anew each time."""
        if self.made is not None:
            return self.made
        said = self.entries[0].testimony
        assert said is not None  # noqa: S101 - a vote is made of testimonies
        return said.served


def testify(entry: Entry, plan: Plan) -> None:
    """Read the answer of a member; one that is none spoils the entry."""
    result, member = entry.result, entry.seat.voice
    assert isinstance(result, Reply)  # noqa: S101 - asked of answers alone
    answer: Answer | None = None if result.row is None else classes_of(result.row)
    output = result.output if answer is None else _UNREAD
    made: Output | None = None
    try:
        if answer is None:
            answer = read_answer(output)
        if plan.extraction is not None and isinstance(answer, Text):
            answer = plan.extraction.read(answer.content)
            made = output_of(answer)
        require_sound(answer, plan)
        if plan.embedder is not None:
            require_readable(result.output if made is None else made, answer, plan)
    except Unreadable as wrong:
        # What could be read and is not what this plan looks for may be what others want of the same model.
        entry.spoilt = f"malformed answer: {wrong}"
        entry.excused = answer is not None or isinstance(wrong, NothingSaid)
        return
    # A batch has a confidence per row where it has probabilities; the model's own is one for all rows.
    confidence = confidence_of(output, answer)
    if confidence is None and result.confidence is not None:
        confidence = confidence_of(output, answer, result.confidence)
    weight = member.weight if isinstance(member, Member) else None
    entry.testimony = Testimony(result.encoded, Ballot(member.variant, answer, weight, confidence), made)


def votes_of(entries: Iterable[Entry], recipe: Recipe = PLAIN) -> list[Vote]:
    """One per member that has answered, in declared order. Of several answers of one the recipe says which
    are the same."""
    heard: dict[int, list[Entry]] = {}
    for entry in entries:
        if entry.testimony is not None and entry.answered:
            heard.setdefault(entry.seat.rank, []).append(entry)
    return [_vote(heard[rank], recipe) for rank in sorted(heard)]


def _vote(entries: Sequence[Entry], recipe: Recipe) -> Vote:
    if len(entries) == 1 and entries[0].testimony is not None:
        (entry,) = entries
        said = entries[0].testimony
        return Vote(said.ballot, (entry,))
    try:
        return _most_frequent(entries, recipe)
    except CannotCombine:
        # Answers of several kinds: the first stands, without a confidence, and the others are not its own.
        first = entries[0]
        assert first.testimony is not None  # noqa: S101 - `votes_of` asks for it
        return Vote(replace(first.testimony.ballot, confidence=None), (first,))


def _has_probabilities(answer: Answer) -> bool:
    return isinstance(answer, Classes) and answer.probabilities is not None


def _most_frequent(entries: Sequence[Entry], recipe: Recipe) -> Vote:
    """Self-consistency: the plurality of a member's own answers, the earliest where they are level, and the
    share of them that agree as its confidence (X. Wang et al., ICLR 2023); of probabilities, numbers and the
    like, which agree by degree, the mean."""
    said = [entry.testimony for entry in entries if entry.testimony is not None]
    ballots = [
        replace(one.ballot, member=f"answer {place + 1}", weight=None) for place, one in enumerate(said)
    ]
    tolerance = recipe.options.tolerance
    same = alike([ballot.answer for ballot in ballots], tolerance)
    verdict = COMBINERS["average" if same is None else "vote" if tolerance == EXACT else recipe.method](
        ballots, Recipe(recipe.method, options=Options(tolerance=tolerance))
    )
    answer = verdict.answer
    if isinstance(answer, Classes) and all(_has_probabilities(ballot.answer) for ballot in ballots):
        # How often they agree says less than they do.
        mean = COMBINERS["average"](ballots, PLAIN).answer
        assert isinstance(mean, Classes)  # noqa: S101 - as they all are
        answer = replace(answer, probabilities=mean.probabilities)
        served = output_of(answer)
        own = confidence_of(served, answer)
        return Vote(replace(said[0].ballot, answer=answer, confidence=own), entries, served)
    if isinstance(answer, Taken):
        chosen = said[answer.ballot]
        confidence = None if same is None else np.asarray(same[answer.ballot].mean(axis=0))
        return Vote(replace(chosen.ballot, confidence=confidence), entries, chosen.served)
    own = verdict.confidence
    if same is not None:
        shares = alike([*(ballot.answer for ballot in ballots), answer], tolerance)
        own = None if shares is None else np.asarray(shares[-1, :-1].mean(axis=0))
    return Vote(replace(said[0].ballot, answer=answer, confidence=own), entries, output_of(answer))
