"""How far the members of a panel agree, row by row."""

from collections.abc import Sequence

import numpy as np

from services.aggregator.answers import Answer, Ballot, Classes, Floats, Numbers, Taken, Text, Verdict


def agreement(ballots: Sequence[Ballot]) -> Floats | None:
    """[rows]: the share of pairs of members that gave the same label or text, 0 to 1.

    None below two members, and for numbers and structures: those differ by degree, see `dispersion`.

    >>> ballots = [Ballot(text, Text(text)) for text in ("yes", "yes", "no")]
    >>> agreement(ballots).round(3).tolist()
    [0.333]
    """
    voices = [_voices(ballot.answer) for ballot in ballots]
    spoken = [voice for voice in voices if voice is not None]
    if len(ballots) < 2 or len(spoken) < len(ballots):
        return None
    # Pairs are compared as arrays of names: members may list their labels in different orders.
    named = np.array(spoken)
    members = len(ballots)
    # Ordered pairs, each member's own included; the latter always agree and are taken out again.
    same = (named[:, None] == named[None]).sum(axis=(0, 1)) - members
    return np.asarray(same / (members * (members - 1)), dtype=np.float64)


def dispersion(ballots: Sequence[Ballot]) -> Floats | None:
    """[rows]: the standard deviation of the members' numbers, in their own unit, over these members and not
    an estimate for others (divided by n). None below two members, and where answers are no numbers.

    >>> dispersion([Ballot("a", Numbers(np.array([1.0]))), Ballot("b", Numbers(np.array([3.0])))]).tolist()
    [1.0]
    """
    values = [ballot.answer.values for ballot in ballots if isinstance(ballot.answer, Numbers)]
    if len(ballots) < 2 or len(values) < len(ballots):
        return None
    return np.asarray(np.std(np.stack(values), axis=0), dtype=np.float64)


def dissenting(ballots: Sequence[Ballot], verdict: Verdict) -> tuple[str, ...]:
    """The members whose label or text differs from the verdict's in any row, in declared order. Numbers do
    not dissent."""
    decided = verdict.answer
    reply = _voices(ballots[decided.ballot].answer if isinstance(decided, Taken) else decided)
    if reply is None:
        return ()
    return tuple(ballot.member for ballot in ballots if _voices(ballot.answer) != reply)


def _voices(answer: Answer) -> list[str] | None:
    """What the member says of each row, where answers are either the same or not."""
    if isinstance(answer, Classes):
        return answer.names
    return [answer.content.strip()] if isinstance(answer, Text) else None
