"""What is in flight is counted off whatever happens, and second calls are a share of it."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.execution.load import ALWAYS_ALLOWED, Load, Loads


@pytest.mark.parametrize(
    ("predictions", "retries", "share", "may"),
    [
        (1, ALWAYS_ALLOWED - 1, 0.0, True),
        (1, ALWAYS_ALLOWED, 0.0, False),
        (20, 3, 0.2, True),
        (20, 4, 0.2, False),
        (100, 19, 0.2, True),
        (100, 20, 0.2, False),
    ],
)
def test_retries_are_a_share_of_what_is_in_flight_and_three_at_the_least(
    predictions: int, retries: int, share: float, may: bool
) -> None:
    load = Load()
    load.predictions, load.retries = predictions, retries
    assert load.may_retry(share) is may


@given(st.lists(st.sampled_from(["finish", "fail", "cancel"]), min_size=1, max_size=30))
def test_counts_come_back_to_nothing_whatever_becomes_of_the_calls(fates: list[str]) -> None:
    load, seen = Load(), []

    async def one(fate: str) -> None:
        with load.prediction(), load.retry():
            seen.append((load.predictions, load.retries))
            if fate == "fail":
                raise ValueError(fate)
            await (asyncio.Event().wait() if fate == "cancel" else asyncio.sleep(0))

    async def storm() -> None:
        tasks = [asyncio.ensure_future(one(fate)) for fate in fates]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(storm())
    assert (load.predictions, load.retries) == (0, 0)
    assert min(min(pair) for pair in seen) > 0


def test_a_router_that_is_idle_leaves_nothing_behind() -> None:
    loads = Loads()
    held = loads.of("a")
    assert loads.of("a") is held
    del held
    assert len(loads) == 0
