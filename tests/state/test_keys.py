"""Keys: documented, and nothing else is left behind."""

from collections.abc import Callable

import pytest

from services.state.failures import MappedRedis
from tests.keys_left import check_keys, documented, functions


@pytest.mark.parametrize("function", functions(), ids=lambda function: function.__name__)
def test_says_type_writer_readers_and_lifetime(function: Callable[..., str]) -> None:
    assert documented(function).pattern


def test_says_no_two_keys_alike() -> None:
    """Two functions that spell the same key would share it unawares."""
    spelled = [documented(function).pattern.pattern for function in functions()]
    assert len(set(spelled)) == len(spelled)


async def test_finds_a_key_that_nobody_documents(redis: MappedRedis) -> None:
    await redis.set("turnout:stray", "1")
    with pytest.raises(AssertionError, match="documented nowhere"):
        await check_keys(redis)
    await redis.flushdb()


async def test_finds_a_key_that_should_expire_and_does_not(redis: MappedRedis) -> None:
    await redis.hset("turnout:{catalog}:request:1", "uid", "u")
    with pytest.raises(AssertionError, match="TTL -1"):
        await check_keys(redis)
    await redis.flushdb()
