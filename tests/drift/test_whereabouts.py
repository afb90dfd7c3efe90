"""Where there is something of a baseline or a model: noted before, noted again, and asked for beside."""

from collections.abc import Iterable

from services.drift.whereabouts import AGAIN, Whereabouts
from services.state import drift_keys
from services.state.failures import MappedRedis


async def test_what_redis_has_lost_is_noted_again(redis: MappedRedis) -> None:
    where = Whereabouts(redis, drift_keys.profile_partitions)
    await where.note("b", 3)
    await redis.unlink(drift_keys.profile_partitions("b"))
    for _ in range(AGAIN - 1):
        await where.note("b", 3)
    assert await where.read("b") == set()
    await where.note("b", 3)
    assert await where.read("b") == {3}
    await where.forget("b")
    assert await where.read("b") == set()


async def test_what_is_written_seldom_is_noted_with_each_write(redis: MappedRedis) -> None:
    where = Whereabouts(redis, drift_keys.profile_partitions, again=1)
    for _ in range(3):
        await where.note("b", 3)
        await redis.unlink(drift_keys.profile_partitions("b"))
    await where.note("b", 3)
    assert await where.read("b") == {3}
    await where.forget("b")


async def test_each_place_is_read_once_whether_it_was_known_or_not(redis: MappedRedis) -> None:
    where, asked = Whereabouts(redis, drift_keys.profile_partitions), list[list[int]]()

    async def read(partitions: Iterable[int]) -> list[int]:
        asked.append(list(partitions))
        return asked[-1]

    assert await where.collect("b", read) == []
    for partition in (5, 2):
        await where.note("b", partition)
    assert sorted(await where.collect("b", read)) == [2, 5]
    await where.note("b", 63)
    assert sorted(await where.collect("b", read)) == [2, 5, 63]
    assert sorted(await where.collect("b", read)) == [2, 5, 63]
    assert asked == [[2, 5], [2, 5], [63], [2, 5, 63]]
