"""Ejections in Redis: they only extend, ends are guarded, notices carry everything, one lease per model."""

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from services.state import formats, keys
from services.state.connection import Connections, connect
from services.state.ejections import OUTLIVE_MS, Ejections, Entry
from services.state.ejections_followed import EjectionFollower
from services.state.embedded import EmbeddedRedis
from services.state.errors import NewerFormat
from services.state.failures import MappedRedis
from tests.state.background import running
from tests.waiting import eventually

MODEL = "018bcfe5-69f4-7000-8591-b7582265b1f5"


async def eject(ejections: Ejections, number: int = 1, seconds: float = 30.0, **how: Any) -> Entry:
    known = {"times": number, "age": 0.0, "reason": "5 failures in a row", **how}
    return await ejections.eject(MODEL, number=number, seconds=seconds, **known)


async def test_an_ejection_is_read_as_it_was_written(connections: Connections) -> None:
    one = Ejections(connections, "one")
    made = await eject(one, 1, 30.0, age=2.0)
    assert (made.left, made.out, made.by, made.reason) == (30.0, True, "one", "5 failures in a row")
    assert made.now - made.began == 2000
    now, (found,) = await Ejections(connections, "other").read()
    assert (found.model_uid, found.expires, found.number) == (MODEL, made.expires, 1)
    assert 29.0 < found.left <= 30.0
    assert now >= made.now


async def test_several_who_see_the_same_make_one_ejection(connections: Connections) -> None:
    made = [await eject(Ejections(connections, name), 1, 30.0) for name in ("one", "two", "three")]
    assert {(entry.number, entry.times) for entry in made} == {(1, 1)}


@pytest.mark.parametrize(("first", "second"), [(30.0, 60.0), (60.0, 30.0)])
async def test_an_expiry_only_moves_away(connections: Connections, first: float, second: float) -> None:
    one = Ejections(connections, "one")
    before, after = await eject(one, 1, first), await eject(one, 2, second)
    assert after.expires == max(before.expires, after.now + int(second * 1000))
    assert (after.number, after.began) == (2, before.began)
    assert after.left == pytest.approx(60.0, abs=1.0)


async def test_a_late_end_does_not_undo_a_newer_ejection(connections: Connections) -> None:
    one = Ejections(connections, "one")
    await eject(one, 1)
    newer = await eject(one, 2)
    answer = await one.clear(MODEL, number=1, times=1)
    assert (answer.out, answer.number, answer.expires) == (True, 2, newer.expires)
    assert not (await one.clear(MODEL, number=2, times=2)).out


async def test_an_end_that_is_told_twice_is_one_end(connections: Connections) -> None:
    one = Ejections(connections, "one")
    await eject(one)
    first, second = await one.clear(MODEL, number=1, times=1), await one.clear(MODEL, number=1, times=1)
    assert first.cleared == second.cleared > 0


async def test_who_missed_an_end_begins_the_next_ejection(connections: Connections) -> None:
    one = Ejections(connections, "one")
    await eject(one, 1, 300.0)
    await one.clear(MODEL, number=1, times=1)
    again = await eject(one, 1, 30.0)
    assert (again.number, again.out, again.left) == (2, True, 30.0)


async def test_an_end_is_known_also_where_redis_has_lost_the_ejection(connections: Connections) -> None:
    one = Ejections(connections, "one")
    assert not (await one.clear(MODEL, number=3, times=2)).out
    _, (found,) = await one.read()
    assert (found.number, found.times, found.out) == (3, 2, False)


async def test_what_ended_long_ago_is_forgotten(connections: Connections, redis: MappedRedis) -> None:
    one = Ejections(connections, "one")
    stored = json.loads((await _stored(redis, await eject(one))) or b"{}")
    stored["expires"] -= OUTLIVE_MS + 60_000
    await redis.hset(keys.ejections(), "an older one", json.dumps(stored))
    await eject(one, 2)
    assert [entry.model_uid for entry in (await one.read())[1]] == [MODEL]


async def _stored(redis: MappedRedis, entry: Entry) -> bytes | None:
    return await redis.hget(keys.ejections(), entry.model_uid)


async def test_what_a_newer_version_wrote_is_neither_read_nor_overwritten(
    connections: Connections, redis: MappedRedis
) -> None:
    one = Ejections(connections, "one")
    stored = json.loads((await _stored(redis, await eject(one))) or b"{}")
    newer = json.dumps({**stored, "format": formats.EJECTION + 1, "mood": "dark"})
    await redis.hset(keys.ejections(), MODEL, newer)
    assert (await one.read())[1] == []
    with pytest.raises(NewerFormat):
        await eject(one, 2)
    with pytest.raises(NewerFormat):
        await one.clear(MODEL, number=1, times=1)
    assert await redis.hget(keys.ejections(), MODEL) == newer.encode()


async def test_one_holder_has_the_probe_and_only_it_gives_it_back(connections: Connections) -> None:
    one, other = Ejections(connections, "one"), Ejections(connections, "other")
    made = await eject(one)
    taken, entry = await one.take_probe(MODEL, 30.0)
    assert taken
    assert entry is not None
    assert (entry.number, entry.expires) == (made.number, made.expires)
    assert (await other.take_probe(MODEL, 30.0))[0] is False
    await other.release_probe(MODEL)
    assert (await other.take_probe(MODEL, 30.0))[0] is False
    await one.release_probe(MODEL)
    assert (await other.take_probe(MODEL, 30.0))[0] is True


async def test_a_probe_that_nobody_gives_back_expires(connections: Connections) -> None:
    one, other = Ejections(connections, "one"), Ejections(connections, "other")
    assert (await one.take_probe(MODEL, 0.05)) == (True, None)

    async def free() -> bool:
        return (await other.take_probe(MODEL, 30.0))[0]

    assert await eventually(free)


def follower(connections: Connections, heard: list[Entry], **options: Any) -> EjectionFollower:
    def on_entries(_: int, entries: Sequence[Entry]) -> None:
        heard.extend(entries)

    return EjectionFollower(
        connections, Ejections(connections, "other"), on_entries=on_entries, rng=random.Random(4), **options
    )


async def test_a_notice_carries_everything(connections: Connections, redis: MappedRedis) -> None:
    """With polls an hour apart, only notices can have told."""
    one, heard = Ejections(connections, "one"), list[Entry]()
    async with running(follower(connections, heard, poll_seconds=3600.0).run()):
        await eventually(lambda: _subscribed(redis))
        made = await eject(one)
        await eventually(lambda: heard == [made])
        over = await one.clear(MODEL, number=1, times=1)
        await eventually(lambda: heard == [made, over])


async def _subscribed(redis: MappedRedis) -> bool:
    ((_, count),) = await redis.pubsub_numsub(keys.ejections_channel())
    return bool(count)


async def test_a_poll_finds_what_no_notice_told(connections: Connections, redis: MappedRedis) -> None:
    one, heard = Ejections(connections, "one"), list[Entry]()
    made = await eject(one)
    written = await _stored(redis, made)
    await redis.delete(keys.ejections())
    async with running(follower(connections, heard, poll_seconds=0.1).run()):
        await redis.hset(keys.ejections(), MODEL, written or b"")
        await eventually(lambda: any(entry.expires == made.expires for entry in heard))
        await redis.expire(keys.ejections(), 60)


async def test_following_goes_on_once_redis_is_back(redis_server: EmbeddedRedis) -> None:
    heard = list[Entry]()
    async with (
        connect(redis_server.url) as connections,
        running(follower(connections, heard, poll_seconds=0.1).run()),
    ):
        await redis_server.kill()
        await redis_server.start()
        made = await eject(Ejections(connections, "one"))
        await eventually(lambda: any(entry.expires == made.expires for entry in heard))
