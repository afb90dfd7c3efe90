"""The durability that replies name is the one that Redis has."""

from services.feedback.durability import FRESH_SECONDS, Durability
from services.state.connection import connect
from services.state.embedded import EmbeddedRedis


async def test_names_what_redis_does_with_its_append_only_file(redis_server: EmbeddedRedis) -> None:
    clock = [1000.0]
    async with connect(redis_server.url, hot_seconds=1.0) as connections:
        level = Durability(connections.steady, lambda: clock[0])
        assert await level.level() == "appendfsync=always"
        await connections.steady.config_set("appendfsync", "everysec")
        clock[0] += FRESH_SECONDS - 1
        assert await level.level() == "appendfsync=always"
        clock[0] += 1
        assert await level.level() == "appendfsync=everysec"
        await connections.steady.config_set("appendonly", "no")
        clock[0] += FRESH_SECONDS
        assert await level.level() == "appendonly=no"


async def test_says_unknown_where_it_may_not_ask(redis_server: EmbeddedRedis) -> None:
    async with connect(redis_server.url, hot_seconds=1.0) as connections:
        await connections.steady.execute_command("ACL", "SETUSER", "default", "-config")
        assert await Durability(connections.steady, lambda: 1000.0).level() == "unknown"
