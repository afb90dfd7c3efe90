"""The verdict of a vote that was stopped is that of the whole panel, whatever the order of arrival."""

import itertools
import random
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pytest

from services.aggregator.alike import voices
from services.aggregator.answers import Answer, Ballot, Classes, Floats, Numbers, Structure, Taken, Text
from services.aggregator.combiners import COMBINERS
from services.aggregator.combiners.vote import combine
from services.aggregator.recipe import Recipe
from services.aggregator.stopping import Count, can_stop, first_wave
from services.aggregator.weights import WeightSource

LABELS = ("ash", "birch", "cedar")
# Level on paper and not in floating point, huge, none at all, and not declared.
WEIGHTS = (0.1, 0.2, 0.3, 0.5, 1.0, 1.0, 2.0, 3.0, 0.0, 1e300, None)

Panel = list[Ballot | None]


def panel(rng: random.Random, members: int, rows: int) -> tuple[list[float | None], Panel]:
    """Weights, and what comes of everybody: a ballot, or None for a timeout or an abstention. Each lists its
    labels in an order of its own; one in three panels is of equals, and ties often; one in two has answers of
    several kinds."""
    pool, odd = rng.choice([WEIGHTS, (None,), (1.0, 2.0)]), rng.choice([0.0, 0.4])
    weights = [rng.choice(pool) for _ in range(members)]
    ballots: Panel = []
    for member, weight in enumerate(weights):
        if rng.random() < 0.15:
            ballots.append(None)
            continue
        labels = tuple(rng.sample(LABELS, 3))
        chosen = np.array([labels.index(rng.choice(LABELS[: rng.randint(1, 3)])) for _ in range(rows)])
        confidence: Floats | None = np.array([rng.random() for _ in range(rows)])
        confidence = confidence if rng.random() < 0.8 else None
        answer: Answer = Classes(labels, chosen)
        if rows == 1 and rng.random() < odd:
            said = rng.choice(LABELS)
            answer = Text(said) if rng.random() < 0.5 else Structure(said)
        ballots.append(Ballot(f"m{member}", answer, weight, confidence))
    return weights, ballots


def names(ballots: Sequence[Ballot | None]) -> list[str] | None:
    """What the verdict of those who answered says; None where they have no verdict."""
    heard = [ballot for ballot in ballots if ballot is not None]
    if not heard or not any(ballot.weight != 0 for ballot in heard):
        return None
    answer = combine(heard).answer
    return voices(heard[answer.ballot].answer if isinstance(answer, Taken) else answer)


def only(ballots: Panel, members: Collection[int]) -> Panel:
    """The panel had nobody else answered."""
    return [ballot if member in members else None for member, ballot in enumerate(ballots)]


def tell(count: Count, ballots: Panel, member: int) -> None:
    ballot = ballots[member]
    if ballot is None:
        count.miss(member)
    else:
        count.hear(member, ballot.answer)


def panels(
    seed: int, sizes: range, rows: Sequence[int], many: int
) -> Iterator[tuple[list[float | None], Panel, int]]:
    rng = random.Random(seed)
    for _ in range(many):
        members = rng.choice(sizes)
        yield *panel(rng, members, rng.choice(rows)), rng.randint(1, members)


@pytest.mark.parametrize(("sizes", "many"), [(range(1, 5), 400), (range(5, 6), 40), (range(6, 7), 10)])
def test_a_stopped_verdict_is_the_full_one_in_every_order_of_arrival(sizes: range, many: int) -> None:
    stops = 0
    for weights, ballots, quorum in panels(len(sizes) + sizes[0], sizes, (1, 1, 3), many):
        full = names(ballots)
        verdicts: dict[frozenset[int], list[str] | None] = {}
        for order in itertools.permutations(range(len(weights))):
            count, heard = Count(weights, quorum), set[int]()
            for member in order:
                tell(count, ballots, member)
                heard.add(member)
                if count.settled and full is not None:
                    key = frozenset(heard)
                    if key not in verdicts:
                        verdicts[key] = names(
                            [ballot if at in heard else None for at, ballot in enumerate(ballots)]
                        )
                    assert verdicts[key] == full
                    assert sum(ballots[at] is not None for at in heard) >= quorum
                    stops += len(heard) < len(weights)
                    break
    # The property would also hold of a vote that is never stopped.
    assert stops > many


def test_it_holds_for_larger_panels_and_batches_in_orders_by_chance() -> None:
    rng, stops = random.Random(7), 0
    for weights, ballots, quorum in panels(11, range(7, 20), (1, 4, 16), 150):
        full = names(ballots)
        order = rng.sample(range(len(weights)), len(weights))
        count = Count(weights, quorum)
        for at, member in enumerate(order):
            tell(count, ballots, member)
            if count.settled and full is not None:
                heard = set(order[: at + 1])
                assert names(only(ballots, heard)) == full
                stops += at + 1 < len(order)
                break
    assert stops > 30


def test_a_vote_that_is_not_settled_can_still_go_another_way() -> None:
    """It stops as soon as it may: every unsettled count, of one row, has an ending with another label."""
    rng = random.Random(3)
    for _ in range(150):
        members = rng.randint(2, 4)
        weights = [rng.choice((1.0, 2.0, 0.7, 3.1)) for _ in range(members)]
        said = [rng.choice(LABELS) for _ in range(members)]
        heard = rng.randint(1, members - 1)
        count = Count(weights, 1)
        for member in range(heard):
            count.hear(member, Text(said[member]))
        endings = set()
        for rest in itertools.product((*LABELS, None), repeat=members - heard):
            cast = [*said[:heard], *rest]
            ballots = [Ballot(f"m{at}", Text(label), weights[at]) for at, label in enumerate(cast) if label]
            verdict = combine(ballots)
            endings.add("level" if verdict.tied[0] else said_by(ballots, verdict.answer))
        assert count.settled == (len(endings) == 1 and "level" not in endings)


def said_by(ballots: Sequence[Ballot], taken: object) -> str:
    answer = ballots[taken.ballot].answer  # type: ignore[attr-defined]
    assert isinstance(answer, Text)
    return answer.content


def test_a_quorum_that_is_not_met_keeps_a_decided_vote_open() -> None:
    count = Count([10.0, 1.0, 1.0], 2)
    count.hear(0, Text("yes"))
    assert count.lead > count.outstanding
    assert not count.settled
    count.miss(1)
    assert not count.settled
    count.hear(2, Text("no"))
    assert count.settled


def test_a_lead_of_exactly_what_is_out_settles_nothing() -> None:
    """0.1 + 0.2 against 0.3: level on paper, so confidence would decide."""
    count = Count([0.1, 0.2, 0.3], 1)
    count.hear(0, Text("yes"))
    count.hear(1, Text("yes"))
    assert not count.settled
    # More by less than a combiner tells apart: level there, so it must be level here.
    count = Count([1 + 1e-10, 1.0], 1)
    count.hear(0, Text("yes"))
    assert not count.settled


def test_every_row_of_a_batch_must_be_settled() -> None:
    labels = ("no", "yes")
    count = Count([1.0, 1.0, 1.0], 1)
    count.hear(0, Classes(labels, np.array([0, 0])))
    count.hear(1, Classes(labels, np.array([0, 1])))
    assert not count.settled
    count.hear(2, Classes(labels, np.array([1, 1])))
    assert count.settled


def test_structures_are_counted_once_they_are_canonical() -> None:
    count = Count([None, None, None], 1)
    count.hear(2, Structure({"b": 1, "a": 2.0}))
    count.hear(0, Structure({"a": 2, "b": 1.0}))
    assert count.settled


def test_an_answer_for_other_rows_is_for_the_whole_panel_to_refuse() -> None:
    count = Count([5.0, 1.0, 1.0], 1)
    count.hear(1, Classes(("a",), np.zeros(1, dtype=np.int64)))
    count.hear(0, Classes(("a",), np.zeros(2, dtype=np.int64)))
    assert not count.settled
    assert count.wave((0, 1)) == (2,)


def test_an_answer_of_another_kind_is_another_answer_and_one_that_cannot_be_counted_is_none() -> None:
    count = Count([5.0, 1.0, 1.0], 2)
    count.hear(1, Classes(("a",), np.zeros(1, dtype=np.int64)))
    count.hear(0, Text("a"))
    assert (count.answered, count.lead) == (2, 0.8)
    assert count.settled
    count = Count([1.0, 5.0, 1.0], 2)
    count.hear(1, Numbers(np.zeros(1)))
    count.hear(0, Text("a"))
    assert (count.answered, count.lead) == (1, 0.2)
    assert not count.settled


def test_nobody_is_heard_twice() -> None:
    count = Count([1.0, 1.0], 1)
    count.hear(0, Text("a"))
    with pytest.raises(KeyError):
        count.miss(0)


def test_only_votes_with_weights_known_beforehand_can_stop() -> None:
    assert [method for method in COMBINERS if can_stop(Recipe(method))] == ["vote"]
    assert can_stop(Recipe("vote", WeightSource.DECLARED))
    assert not can_stop(Recipe("vote", WeightSource.CONFIDENCE))
    assert not can_stop(Recipe("vote", WeightSource.DECLARED_TIMES_CONFIDENCE))


@pytest.mark.parametrize(
    ("weights", "quorum", "wave"),
    [
        ([1] * 5, 1, (0, 1, 2)),
        ([1] * 5, 4, (0, 1, 2, 3)),
        ([1] * 4, 1, (0, 1, 2)),
        ([1, 2, 10, 3], 1, (2,)),
        ([1, 2, 10, 3], 2, (2, 3)),
        ([None, 1, 0], 1, (0, 1)),
        ([0, 0], 1, (0, 1)),
        ([2, 1, 1], 1, (0, 1)),
    ],
)
def test_the_first_wave_is_the_fewest_that_can_settle_it(
    weights: list[float | None], quorum: int, wave: tuple[int, ...]
) -> None:
    assert first_wave(weights, quorum) == wave


def test_of_equals_the_cheaper_are_asked_first() -> None:
    assert first_wave([1, 1, 1, 1, 1], 1, [5.0, 1.0, 4.0, 1.0, 2.0]) == (1, 3, 4)


def test_the_next_wave_waits_for_those_who_could_settle_it() -> None:
    count = Count([1.0] * 5, 3)
    asked = list(count.wave(()))
    assert asked == [0, 1, 2]
    count.hear(0, Text("yes"))
    assert count.wave(asked) == ()
    count.hear(1, Text("no"))
    # The third could make it 2 : 1 with two out, which settles nothing: one more is needed, and may do.
    assert count.wave(asked) == (3,)
    count.miss(2)
    assert count.wave([*asked, 3]) == (4,)


@pytest.mark.parametrize("seed", range(3))
def test_waves_end_with_the_full_verdict_and_ask_fewer(seed: int) -> None:
    saved = 0
    for weights, ballots, quorum in panels(seed, range(5, 9), (1, 2), 60):
        count, asked = Count(weights, quorum), list[int]()
        while wave := () if count.settled else count.wave(asked):
            assert not set(wave) & set(asked)
            for member in wave:
                asked.append(member)
                tell(count, ballots, member)
        full = names(ballots)
        if full is not None:
            assert names(only(ballots, asked)) == full
        assert count.settled or set(asked) == set(range(len(weights)))
        saved += len(weights) - len(asked)
    assert saved > 30
