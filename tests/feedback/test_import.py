"""Imports: many items in a few round trips, each answered for itself, all of them again without effect."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from turnout.feedback.v1 import feedback_service_pb2 as rpc
from turnout.inference.v1.event_pb2 import Truth

from services.feedback.importing import GROUP, MOST_ERRORS, MOST_ITEMS
from services.foundation.errors import RemoteError
from services.state.embedded import EmbeddedRedis
from tests.feedback.conftest import SERVICE, Setting
from tests.feedback.test_bad_input import alone, kept
from tests.waiting import eventually

Item = rpc.RecordFeedbackRequest
BAD, OUT = "INVALID_ARGUMENT", "REWARD_OUT_OF_RANGE"


async def told(setting: Setting, *messages: rpc.ImportFeedbackRequest) -> rpc.ImportFeedbackResponse:
    async def stream() -> AsyncIterator[rpc.ImportFeedbackRequest]:
        for message in messages:
            yield message

    call = setting.client.upload(SERVICE, "ImportFeedback")
    reply: rpc.ImportFeedbackResponse = await call(stream(), timeout=30)
    return reply


def many(items: Sequence[Item], of: int = 100) -> list[rpc.ImportFeedbackRequest]:
    return [rpc.ImportFeedbackRequest(items=items[at : at + of]) for at in range(0, len(items), of)]


async def recorded(setting: Setting, count: int) -> list[str]:
    events = [setting.event("ab"[number % 2]) for number in range(count)]
    await setting.record(*events)
    return [event.manifest.prediction_id for event in events]


async def test_everything_is_taken_once_however_often_it_is_sent(setting: Setting) -> None:
    names = await recorded(setting, 2 * GROUP + 7)
    items = [Item(prediction_id=name, reward=number % 3 / 2) for number, name in enumerate(names)]
    reply = await told(setting, *many(items))
    assert dict(reply.counts) == {"ACCEPTED": len(items)}
    assert (reply.items, list(reply.errors)) == (len(items), [])
    assert reply.durability
    before = await kept(setting)
    again = await told(
        setting, *(rpc.ImportFeedbackRequest(feedback=item) for item in items[:9]), *many(items)
    )
    assert dict(again.counts) == {"DUPLICATE": len(items) + 9}
    assert await kept(setting) == before
    arms = [await setting.arm("a"), await setting.arm("b")]
    assert sum(arm.rewards for arm in arms) == len(items)
    total = sum((arm.mean or 0) * arm.rewards for arm in arms)
    assert total == pytest.approx(sum(item.reward for item in items), abs=1e-5)


async def test_an_id_with_other_content_is_refused_by_its_place(setting: Setting) -> None:
    first, other = await recorded(setting, 2)
    items = [Item(prediction_id=first, reward=value, feedback_id="sale") for value in (1.0, 0.5, 1.0)]
    items.append(Item(prediction_id=other, reward=0.5, feedback_id="sale"))
    reply = await told(setting, *many(items))
    assert dict(reply.counts) == {"ACCEPTED": 2, "DUPLICATE": 1, "REFUSED": 1}
    (refused,) = reply.errors
    assert (refused.index, refused.field, refused.reason) == (1, "feedback_id", "REQUEST_ID_REUSED")
    assert (await setting.arm("a")).mean == 1.0


async def test_it_leaves_what_single_calls_leave(setting: Setting) -> None:
    """Rewards, metrics and truths, corrections and repetitions among them, in another order."""
    names = await recorded(setting, 12)
    items = [Item(prediction_id=name, reward=0.25, feedback_id="one") for name in names]
    items += [Item(prediction_id=name, truth=Truth(label="yes"), feedback_id="t") for name in names[:4]]
    items += [
        Item(prediction_id=name, metric=rpc.MetricValue(name="accuracy", value=0.75), feedback_id="two")
        for name in names[:6]
    ]
    for number, item in enumerate(items):
        item.observed_at.FromSeconds(1_700_000_000 + number)
    for item in items:
        await setting.ask("RecordFeedback", item)
    singly = [await setting.arm(arm) for arm in "ab"]
    await setting.connections.steady.delete(
        *[key for key in await kept(setting) if b":arms:" in key or b":applied:" in key or b":truth" in key]
    )
    reply = await told(setting, *many([*reversed(items), *items[3:9]]))
    assert sum(reply.counts.values()) == len(items) + 6
    assert [await setting.arm(arm) for arm in "ab"] == singly


def wrong_items(good: str) -> list[tuple[Item, str, str, str]]:
    """Each with the field that is wrong, the reason, and part of the message."""
    return [
        (
            Item(prediction_id=good, reward=7),
            "reward",
            "REWARD_OUT_OF_RANGE",
            "accuracy is within 0 and 1; got 7",
        ),
        (
            Item(prediction_id=good, reward=float("nan")),
            "reward",
            "REWARD_OUT_OF_RANGE",
            "must be a finite number",
        ),
        (
            Item(prediction_id="nothing", reward=1),
            "prediction_id",
            "INVALID_ARGUMENT",
            "is not a prediction id",
        ),
        (Item(prediction_id=good), "outcome", BAD, "exactly one of reward, metric or truth"),
        (
            Item(prediction_id=good, metric=rpc.MetricValue(name="joy", value=1)),
            "metric.name",
            BAD,
            "'joy' is not a metric of",
        ),
        (Item(prediction_id=good, row=3, reward=1), "row", BAD, "rows 0 to 0, got 3"),
        (
            Item(prediction_id=good, truth=Truth(number=3)),
            "truth",
            "INVALID_ARGUMENT",
            "its truth is a label",
        ),
        (Item(router="nobody", external_id="x", reward=1), "router", "ROUTER_NOT_FOUND", "routers/nobody"),
    ]


async def test_each_item_is_answered_for_itself(setting: Setting) -> None:
    (good, failed) = await recorded(setting, 2)
    shown = wrong_items(good)
    items = [
        Item(prediction_id=failed, reward=1),
        *(item for item, *_ in shown),
        Item(prediction_id=good, reward=1),
    ]
    reply = await told(setting, *many(items))
    assert dict(reply.counts) == {"ACCEPTED": 2, "REFUSED": len(shown)}
    for place, (error, (_, field, reason, said)) in enumerate(zip(reply.errors, shown, strict=True), 1):
        assert (error.index, error.field, error.reason) == (place, field, reason)
        assert said in error.message
        assert error.code in ("INVALID_ARGUMENT", "NOT_FOUND")


async def test_of_many_refusals_the_first_are_told_and_all_are_counted(setting: Setting) -> None:
    items = [Item(prediction_id="nothing", reward=1)] * (MOST_ERRORS + 50)
    reply = await told(setting, *many(items))
    assert dict(reply.counts) == {"REFUSED": len(items)}
    assert [error.index for error in reply.errors] == list(range(MOST_ERRORS))


@pytest.mark.parametrize("items", [0, MOST_ITEMS + 1])
async def test_a_message_has_items_and_not_too_many(setting: Setting, items: int) -> None:
    (name,) = await recorded(setting, 1)
    before = await kept(setting)
    with pytest.raises(RemoteError) as caught:
        await told(setting, rpc.ImportFeedbackRequest(items=[Item(prediction_id=name, reward=1)] * items))
    assert (caught.value.code, caught.value.fields[0].field) == ("INVALID_ARGUMENT", "items")
    assert (
        caught.value.message == f"items: 1 to {MOST_ITEMS} of a message, got {items}; the first 0 are taken"
    )
    assert await kept(setting) == before


async def test_an_import_of_nothing_is_one(setting: Setting) -> None:
    assert (await told(setting)).items == 0


async def test_without_redis_it_says_how_far_it_came_and_again_it_counts_once(
    redis_server: EmbeddedRedis,
) -> None:
    async with alone(redis_server) as setting:
        names = await recorded(setting, 3 * GROUP)
        messages = many([Item(prediction_id=name, reward=1) for name in names], GROUP)

        async def stream() -> AsyncIterator[Any]:
            yield messages[0]
            await eventually(lambda: _counted(setting, GROUP))
            await redis_server.kill()
            for message in messages[1:]:
                yield message

        with pytest.raises(RemoteError) as caught:
            await setting.client.upload(SERVICE, "ImportFeedback")(stream(), timeout=30)
        assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "STATE_UNAVAILABLE")
        assert f"the first {GROUP} items are taken; send all again" in caught.value.message
        await redis_server.start()
        await eventually(lambda: _counted(setting, GROUP))
        reply = await told(setting, *messages)
        assert dict(reply.counts) == {"DUPLICATE": GROUP, "ACCEPTED": 2 * GROUP}
        assert await _rewards(setting) == 3 * GROUP


async def _counted(setting: Setting, rewards: int) -> bool:
    """Whether so many are counted; connections that died with Redis are noticed by who uses them."""
    try:
        return await _rewards(setting) == rewards
    except RemoteError:
        return False


async def _rewards(setting: Setting) -> int:
    return sum([(await setting.arm(arm)).rewards for arm in "ab"])
