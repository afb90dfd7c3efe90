"""The keys of canaries. Documented as those of `keys.py` are."""


def canary(partition: int, router_uid: str) -> str:
    """String. Feedback's owner of the partition writes. Feedback reads. Expires 400 days after its last
    change: what the controller remembers of a canary."""
    return f"turnout:{{p{partition:02}}}:canary:{router_uid}"


def promotions(partition: int, router_uid: str) -> str:
    """Stream. Feedback's owner of the partition writes. Feedback reads. Expires 400 days after its last
    event: what happened to a router's canaries, the last 1,000 of it."""
    return f"turnout:{{p{partition:02}}}:promotions:{router_uid}"
