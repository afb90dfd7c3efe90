"""Has Redis room, and does it throw nothing away?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning

TIGHT, FULL = 0.75, 0.9


def examine(facts: Facts) -> Iterator[Finding]:
    """The eviction policy, the bound, and how much is used of it."""
    redis = facts.redis
    if redis is None or redis.trouble or not redis.info:
        return
    policy = redis.info.get("maxmemory_policy", "noeviction")
    bound, used = (_bytes(redis.info.get(name)) for name in ("maxmemory", "used_memory"))
    if policy != "noeviction":
        # With a bound it happens the day that it is reached, which is when nobody expects it.
        tell = error if bound else warning
        yield tell(
            f"Redis evicts keys when it is full (maxmemory-policy {policy})",
            "it would throw away routers, rewards and records without a word",
            "maxmemory-policy noeviction in redis.conf",
        )
    if evicted := _bytes(redis.info.get("evicted_keys")):
        yield error(
            f"Redis has evicted {evicted:,} keys since it started",
            "state of the suite is gone, and nobody can say which",
            "maxmemory-policy noeviction and more memory; then a backup, or turnout apply of your files",
        )
    whole = bound or _bytes(redis.info.get("total_system_memory"))
    share = used / whole if whole else 0.0
    if share > TIGHT:
        tell = error if share > FULL else warning
        of = "maxmemory" if bound else "the machine's memory, and has no bound"
        yield tell(
            f"Redis uses {share:.0%} of {of} ({used / 2**20:,.0f} of {whole / 2**20:,.0f} MiB)",
            "full, it refuses writes (or the kernel ends it): no feedback, no change, events stay on disk",
            "more memory, a Cluster, or less retention (log.retention of the routers)",
        )


def _bytes(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
