"""Is Redis there, is it one that serves us, and does it do so quickly?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts, Redis
from services.cli.doctor.finding import Finding, error, warning

LEAST_VERSION = (6, 2)
# Loopback takes a tenth of a millisecond, a network of one zone half of one. 100 ms end a hot command.
SLOW_MS, TOO_SLOW_MS = 5.0, 50.0


def examine(facts: Facts) -> Iterator[Finding]:
    """Nothing where nobody said where Redis is."""
    if (redis := facts.redis) is None:
        return
    if redis.trouble:
        yield error(
            f"Redis does not answer at {redis.place}: {redis.trouble}",
            "routers go on with what they know and keep events on disk; no change and no feedback is taken",
            "start it, or say where it is: --redis URL",
        )
        return
    yield from _kind(redis)
    if redis.milliseconds > SLOW_MS:
        tell = error if redis.milliseconds > TOO_SLOW_MS else warning
        yield tell(
            f"Redis takes {redis.milliseconds:.1f} ms to answer a PING",
            "sticky pins and checks of limits wait for it within a prediction, and give up after 100 ms",
            "put it into the zone of the services; look for slow commands (SLOWLOG GET) and swapping",
        )


def _kind(redis: Redis) -> Iterator[Finding]:
    version = redis.info.get("redis_version", "")
    if (told := _numbers(version)) and told < LEAST_VERSION:
        yield error(
            f"Redis is version {version}",
            "the suite needs the commands of Redis 6.2",
            "Redis 6.2 or later, or Valkey",
        )
    if redis.info.get("role") == "slave":
        yield error(
            f"Redis at {redis.place} is a replica of another",
            "a replica takes no writes: no change, no feedback and no event is stored",
            "name the primary, or Sentinels: redis+sentinel://host:26379/service",
        )
    if redis.info.get("loading") == "1":
        yield warning(
            "Redis still loads its data",
            "until it is done it answers nothing",
            "wait; INFO persistence says how far it is (loading_loaded_perc)",
        )


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if all(part.isdigit() for part in parts) else ()
