"""Keys of the ways by which feedback finds its prediction, and of resets; `keys.py` tells the rules."""


def external(partition: int, router_uid: str, digest: str) -> str:
    """Sorted set. Drift writes. Feedback and drift read. Expires with the retention of the newest prediction
    with the external id, the last eight of them; only where predictions have one."""
    return f"turnout:{{p{partition:02}}}:external:{router_uid}:{digest}"


def entity(partition: int, router_uid: str, digest: str) -> str:
    """Sorted set. Drift writes. Feedback and drift read. Expires with the retention of the entity's newest
    prediction, the last 64 of them; only where predictions have an entity id."""
    return f"turnout:{{p{partition:02}}}:entity:{router_uid}:{digest}"


def reset_answer(partition: int, request_id: str) -> str:
    """Hash. Feedback writes. Feedback reads. Expires 24 hours after the reset of rewards that it
    answers."""
    return f"turnout:{{p{partition:02}}}:reset:{request_id}"
