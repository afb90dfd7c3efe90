"""Draws and failures are counted once, wherever their handler dies."""

import asyncio
from collections.abc import Sequence

import pytest
from turnout.inference.v1 import manifest_pb2 as manifest
from turnout.inference.v1.event_pb2 import EventBatch, PredictionEvent

from services.feedback import crediting
from services.feedback.draws import Draws
from services.feedback.rulebook import Rulebook
from services.feedback.settling import Settling
from services.feedback.wire.records import prediction_of
from services.feedback.wire.routers import rules_of
from services.foundation.metrics import Metrics
from services.state.claims import Learner
from services.state.config_reader import ConfigReader
from services.state.connection import Connections
from services.state.consumer import Entry
from services.state.errors import LostLease, NewerFormat
from services.state.fenced import Fence
from services.state.kinds import ROUTERS
from services.state.logged import Logged, read
from services.state.pulls import Pulls, PullStore
from services.state.rewards import RewardStore
from tests.feedback.recorded import NOW, PARTITION, ROUTER_UID, event, prediction_id, router

FENCE = Fence("unused", "1")
LEARNER = Learner(PARTITION, ROUTER_UID, "accuracy")


def entries(count: int) -> list[Entry[Logged]]:
    """Entries 1-0 to count-0: in each a draw of a that served, and a draw of b that failed."""
    made = []
    for number in range(1, count + 1):
        served = event(prediction_id(2 * number), "a")
        failed = event(prediction_id(2 * number + 1), "b", outcome=manifest.OUTCOME_FAILED)
        made.append(Entry(f"{number}-0", batch(served, failed)))
    return made


def batch(*events: PredictionEvent) -> Logged:
    return read(EventBatch(predictions=[one.SerializeToString() for one in events]).SerializeToString())


@pytest.fixture
def draws(connections: Connections) -> Draws:
    rulebook = Rulebook(ConfigReader(connections, ROUTERS, lambda: NOW))
    rulebook.take("routers", ROUTER_UID, router())
    redis = connections.steady
    return Draws(PullStore(redis), Settling(rulebook, RewardStore(redis), Metrics(), lambda: NOW))


def event_of(entry: Entry[Logged], place: int) -> PredictionEvent:
    return entry.message.predictions[place]


async def handle(draws: Draws, some: Sequence[Entry[Logged]]) -> None:
    await draws.handle(PARTITION, FENCE, some)


async def counted(draws: Draws) -> tuple[dict[str, Pulls], int]:
    """Draws by arm, and rewards of b."""
    states = await draws.settling.rewards.read(LEARNER)
    return await draws.pulls.read(PARTITION, ROUTER_UID), states.arms["b"].n


async def test_what_comes_again_is_not_counted_again(draws: Draws) -> None:
    some = entries(6)
    await handle(draws, some[:3])
    await handle(draws, some[:3])
    await handle(draws, some[2:5])
    await handle(draws, some[1:2])
    await handle(draws, some)
    assert await counted(draws) == ({"a": Pulls(6, 0), "b": Pulls(6, 6)}, 6)


async def test_ids_are_numbers_not_texts(draws: Draws) -> None:
    first, second = entries(2)
    await handle(draws, [first._replace(id="9-0")])
    await handle(draws, [second._replace(id="10-0")])
    assert (await counted(draws))[0]["a"] == Pulls(2, 0)


async def test_a_handler_that_dies_between_its_two_effects_is_repeated_without_loss_or_double(
    draws: Draws,
) -> None:
    """The failure is credited, the draw is not counted yet; then everything comes again."""
    some = entries(2)
    credited = crediting.failure(rules_of(router()), prediction_of(event_of(some[0], 1)), row=0)
    await draws.settling.apply([credited])
    await handle(draws, some)
    assert await counted(draws) == ({"a": Pulls(2, 0), "b": Pulls(2, 2)}, 2)


async def test_two_owners_at_once_count_once(draws: Draws) -> None:
    """The former one, woken late, works on what the new one works on."""
    some = entries(30)
    outcomes = await asyncio.gather(*(handle(draws, some) for _ in range(4)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), LostLease}
    assert await counted(draws) == ({"a": Pulls(30, 0), "b": Pulls(30, 30)}, 30)


async def test_what_a_newer_version_logged_is_left_for_it(draws: Draws) -> None:
    newer = event(prediction_id(1))
    newer.format = 99
    with pytest.raises(NewerFormat):
        await handle(draws, [Entry("1-0", batch(newer))])
    assert (await draws.pulls.counted(PARTITION, [])).until == ""


async def test_an_event_of_no_time_is_left_out_alone(draws: Draws) -> None:
    (sound,) = entries(1)
    odd = event(prediction_id(9), "b", outcome=manifest.OUTCOME_FAILED)
    odd.time.nanos = 2**31 - 1
    both = batch(event_of(sound, 0), odd, event_of(sound, 1))
    await handle(draws, [Entry(sound.id, both)])
    assert await counted(draws) == ({"a": Pulls(1, 0), "b": Pulls(1, 1)}, 1)


async def test_draws_of_a_deleted_router_are_counted_and_earn_nothing(draws: Draws) -> None:
    stranger = event(prediction_id(1), uid="gone", outcome=manifest.OUTCOME_FAILED)
    await handle(draws, [Entry("1-0", batch(stranger))])
    assert await draws.pulls.read(PARTITION, "gone") == {"a": Pulls(1, 1)}
    assert (await draws.settling.rewards.read(Learner(PARTITION, "gone", "accuracy"))).arms == {}
