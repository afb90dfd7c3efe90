"""The keys of entities that keep their variant; see keys.py."""


def pin(partition: int, uid: str, unit: str) -> str:
    """String. Router writes. Router reads. Expires pin_ttl after its last use, which each replica
    tells once a minute. It has the variant and, after a space, the probability with which it was drawn."""
    return f"turnout:{{p{partition:02}}}:{uid}:pin:{unit}"
