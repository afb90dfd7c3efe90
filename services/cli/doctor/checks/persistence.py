"""Does Redis keep what it has acknowledged?"""

from collections.abc import Iterator

from services.cli.doctor.facts import Facts, Redis
from services.cli.doctor.finding import Finding, error, note, warning

LOST = "feedback that was acknowledged, routers and what was learnt are gone when Redis restarts"


def examine(facts: Facts) -> Iterator[Finding]:
    """The append-only file, how often it is synced, and whether the last writes went well."""
    redis = facts.redis
    if redis is None or redis.trouble or not redis.info:
        return
    info = redis.info
    if info.get("aof_enabled") == "0":
        yield error("Redis keeps no append-only file (appendonly no)", LOST, _set("appendonly yes"))
    else:
        yield from _sync(redis)
    if info.get("aof_last_write_status", "ok") != "ok":
        yield error(
            "the last write to Redis' append-only file failed",
            "Redis refuses writes, or what it acknowledges is not on disk",
            "room on its disk (df), then its log",
        )
    if info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield warning(
            "the last rewrite of Redis' append-only file failed",
            "the file grows until the disk is full",
            "room for twice its size on disk, memory for a fork (vm.overcommit_memory=1); then BGREWRITEAOF",
        )
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        stops = redis.config is None or redis.config.get("stop-writes-on-bgsave-error", "yes") == "yes"
        tell = error if stops else warning
        yield tell(
            "Redis' last snapshot failed (rdb_last_bgsave_status)",
            "Redis refuses every write until one succeeds" if stops else "there is no fresh backup",
            "room on its disk, memory for a fork (vm.overcommit_memory=1); then BGSAVE",
        )


def _sync(redis: Redis) -> Iterator[Finding]:
    if redis.config is None:
        yield note(
            "Redis does not say how often it syncs (CONFIG is forbidden)",
            "what a power cut loses depends on it",
            "ask whoever runs it for appendfsync and maxmemory-policy",
        )
        return
    policy = redis.config.get("appendfsync", "")
    if policy == "no":
        yield warning(
            "Redis syncs its file when the system likes (appendfsync no)",
            "a power cut loses the last half minute of acknowledged feedback",
            _set("appendfsync everysec, or always"),
        )
    elif policy == "everysec":
        yield note(
            "Redis syncs its file each second (appendfsync everysec)",
            "a crash of Redis loses nothing; a power cut loses at most the last second or two of feedback",
            _set("appendfsync always where that is too much"),
        )


def _set(what: str) -> str:
    return f"redis.conf: {what} (CONFIG SET and CONFIG REWRITE for one that runs)"
