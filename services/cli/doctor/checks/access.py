"""Is everybody kept out who should be?"""

import ipaddress
from collections.abc import Iterator

from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Finding, error, warning


def examine(facts: Facts) -> Iterator[Finding]:
    """A suite that is open and can be reached from elsewhere, and secrets that travel in the clear."""
    far = [one for one in facts.services if one.status and not local(one.address)]
    caller = facts.caller
    if caller and caller.method in ("", "none") and caller.admin and far:
        names = ", ".join(f"{one.name} ({one.address})" for one in far)
        yield error(
            f"access is open, and not only this machine reaches {names}",
            "whoever reaches it may change and delete everything",
            "TURNOUT_ACCESS_MODE=enforced (docs/access.md), or listen on 127.0.0.1",
        )
    if caller and caller.method in ("api_key", "jwt"):
        for one in far:
            if one.certificate is None:
                yield warning(
                    f"{one.name} at {one.address} is spoken to without TLS",
                    "keys and answers can be read on the way",
                    "TURNOUT_TLS_CERTIFICATE and TURNOUT_TLS_KEY on the services, --ca here",
                )
    yield from _redis(facts)


def _redis(facts: Facts) -> Iterator[Finding]:
    redis = facts.redis
    if redis is None or redis.trouble or redis.config is None:
        return
    bind = redis.config.get("bind", "").split()
    # An empty bind is every address, and - before one says that it may be absent.
    wide = not bind or any(not local(f"{one.lstrip('-')}:0") for one in bind)
    if wide and not redis.config.get("requirepass") and redis.config.get("protected-mode") == "no":
        yield error(
            f"Redis at {redis.place} listens on {' '.join(bind) or 'every address'} without a password",
            "whoever reaches it owns the suite, and often the machine",
            "bind 127.0.0.1, or requirepass and TLS (rediss://) in redis.conf",
        )


def local(address: str) -> bool:
    """Whether only this machine reaches it.

    >>> local("127.0.0.1:50051"), local("[::1]:50051"), local("10.0.0.5:50051"), local("localhost:1")
    (True, True, False, True)
    """
    host = address.rpartition("://")[2].rpartition(":")[0].strip("[]")
    if host in ("localhost", "unix", ""):
        return True
    try:
        # What comes in on every address is not only loopback.
        return ipaddress.ip_address(host.replace("*", "0.0.0.0")).is_loopback  # noqa: S104
    except ValueError:
        return False
