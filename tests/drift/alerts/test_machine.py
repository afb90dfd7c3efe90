"""Raising and clearing, over every sequence of looks that hypothesis thinks of."""

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from services.drift.alerts.machine import ALERT, GOOD, WARNING, Machine, Rules, Sight, event_of, step, stopped

LEVELS = st.sampled_from([GOOD, WARNING, ALERT])


@st.composite
def sights(draw: st.DrawFn) -> Sight | None:
    if draw(st.integers(0, 4)) == 0:
        return None
    seen = draw(LEVELS)
    return Sight(seen, min(seen, draw(LEVELS)))


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    of = draw(st.integers(1, 6))
    return Rules(
        draw(st.integers(1, of)), of, draw(st.integers(1, 5)), draw(st.sampled_from([0.0, 3.0, 100.0]))
    )


def run(looks: list[Sight | None], given_: Rules) -> list[Machine]:
    """Where the machine stands after each look, one a second."""
    machine, places = Machine(), list[Machine]()
    for time, sight in enumerate(looks):
        machine = step(machine, sight, given_, float(time))
        places.append(machine)
    return places


LOOKS = st.lists(sights(), max_size=40)


@given(LOOKS, rules())
def test_it_is_raised_only_by_k_bad_looks_of_n_of_which_this_is_one(
    looks: list[Sight | None], given_: Rules
) -> None:
    before, seen = Machine(), list[Sight]()
    for sight, place in zip(looks, run(looks, given_), strict=True):
        seen += [sight] if sight else []
        if place.severity > before.severity:
            assert sight is not None
            assert sight.proven >= place.severity
            bad = [one for one in seen[-given_.of :] if one.proven >= place.severity]
            assert len(bad) >= given_.bad
        before = place


@given(LOOKS, rules())
def test_k_bad_looks_of_n_always_raise_it(looks: list[Sight | None], given_: Rules) -> None:
    decided = [sight for sight in looks if sight]
    assume(decided and decided[-1].proven)
    bad = sum(one.proven >= WARNING for one in decided[-given_.of :])
    assert (run(list(decided), given_)[-1].severity >= WARNING) or bad < given_.bad


@given(LOOKS, rules())
def test_it_is_cleared_by_m_good_looks_in_a_row_and_by_nothing_less(
    looks: list[Sight | None], given_: Rules
) -> None:
    before, seen = Machine(), list[Sight]()
    for sight, place in zip(looks, run(looks, given_), strict=True):
        seen += [sight] if sight else []
        good = len(seen) >= given_.good and not any(one.seen for one in seen[-given_.good :])
        if before.severity and not place.severity:
            assert good
        if good:
            assert not place.severity
        before = place


@given(LOOKS, rules())
def test_looks_without_data_change_nothing_but_the_time(looks: list[Sight | None], given_: Rules) -> None:
    with_silence = [place.severity for sight, place in zip(looks, run(looks, given_), strict=True) if sight]
    without = [place.severity for place in run([sight for sight in looks if sight], given_)]
    assert with_silence == without


@given(st.lists(st.tuples(sights(), st.integers(0, 2), st.integers(0, 2)), max_size=30), rules())
def test_a_graver_look_never_makes_a_milder_alert(
    looks: list[tuple[Sight | None, int, int]], given_: Rules
) -> None:
    mild = [sight for sight, _, _ in looks]
    grave = [
        sight and Sight(min(ALERT, max(sight.seen, sight.proven + up) + more), min(ALERT, sight.proven + up))
        for sight, up, more in looks
    ]
    pairs = zip(run(mild, given_), run(grave, given_), strict=True)
    assert all(one.severity <= other.severity for one, other in pairs)


@given(LOOKS, rules())
def test_what_is_told_is_raised_and_cleared_in_turn_and_raised_no_oftener_than_the_cooldown(
    looks: list[Sight | None], given_: Rules
) -> None:
    told = [Machine(), *run(looks, given_)]
    events = [
        (event_of(one.told, other.told), time)
        for time, (one, other) in enumerate(pairwise(told))
        if one.told != other.told
    ]
    whole = [(event, time) for event, time in events if event in ("firing", "resolved")]
    assert [event for event, _ in whole] == ["firing", "resolved"] * (len(whole) // 2) + ["firing"] * (
        len(whole) % 2
    )
    raised = [time for event, time in whole if event == "firing"]
    assert all(later - earlier >= given_.cooldown for earlier, later in pairwise(raised))


@given(LOOKS, rules())
def test_in_the_end_what_is_true_is_told(looks: list[Sight | None], given_: Rules) -> None:
    machine = (run(looks, given_) or [Machine()])[-1]
    later = step(machine, None, given_, len(looks) + given_.cooldown + 1)
    assert later.told == later.severity


@given(LOOKS, rules())
def test_the_memory_is_bounded(looks: list[Sight | None], given_: Rules) -> None:
    for place in run(looks, given_):
        assert len(place.seen) == len(place.proven) <= max(given_.of, given_.good)


@given(LOOKS, rules())
def test_once_it_is_no_longer_looked_for_it_is_cleared_and_told_so(
    looks: list[Sight | None], given_: Rules
) -> None:
    machine = stopped((run(looks, given_) or [Machine()])[-1], 100.0)
    assert (machine.severity, machine.told, machine.pending) == (GOOD, GOOD, False)


def test_evidence_raises_and_what_is_seen_holds() -> None:
    """At the end of an epoch evidence begins anew; an alert whose cause is still to be seen stays."""
    given_ = Rules(1, 1, 2, 0.0)
    places = run([Sight(ALERT, GOOD), Sight(ALERT, ALERT), Sight(ALERT, GOOD), Sight(GOOD, GOOD)], given_)
    assert [place.severity for place in places] == [GOOD, ALERT, ALERT, ALERT]
