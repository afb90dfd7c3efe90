"""The keys of canaries. Documented as those of `keys.py` are."""


def canary(partition: int, router_uid: str) -> str:
    """String. Feedback's owner of the partition writes. Feedback reads. Expires 400 days after its last
    change: what the controller remembers of a canary."""
    return f"turnout:{{p{partition:02}}}:canary:{router_uid}"


def canary_asked(partition: int, router_uid: str, transition_id: str) -> str:
    """String. Feedback writes. Feedback's owner of the partition reads. Expires an hour after a person asked
    for the transition: what was known of the canary then."""
    return f"turnout:{{p{partition:02}}}:canary-asked:{router_uid}:{transition_id}"


def promotions(partition: int, router_uid: str) -> str:
    """Stream. Feedback's owner of the partition writes. Feedback reads. Expires 400 days after its last
    event: what happened to a router's canaries, the last 1,000 of it."""
    return f"turnout:{{p{partition:02}}}:promotions:{router_uid}"
