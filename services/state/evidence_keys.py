"""The keys of the evidence of experiments and canaries.

Documented as those of `keys.py` are.
"""


def _partition(partition: int) -> str:
    return f"turnout:{{p{partition:02}}}"


def evidence(partition: int, router_uid: str) -> str:
    """String. Feedback's owner of the partition writes. Feedback reads. Expires 90 days after its last
    minute."""
    return f"{_partition(partition)}:evidence:{router_uid}"


def decisions(partition: int, router_uid: str, minute: int) -> str:
    """Hash. Feedback's owner of the partition writes. The same reads. Expires a day after the horizon of its
    labels: a field per entry of the event stream, until the minute is folded."""
    return f"{_partition(partition)}:decisions:{router_uid}:{minute}"


def waiting(partition: int, router_uid: str, epoch: str, minute: int) -> str:
    """String. Feedback's owner of the partition writes. The same reads. Expires a day after the horizon of
    its labels: the minute's observations, until their labels are folded."""
    return f"{_partition(partition)}:waiting:{router_uid}:{epoch}:{minute}"


def units(partition: int, router_uid: str, epoch: str) -> str:
    """Hash. Feedback's owner of the partition writes. The same reads. Expires 90 days after its last minute:
    hashes of the entities that had their observation, a field per minute, 8 bytes each."""
    return f"{_partition(partition)}:units:{router_uid}:{epoch}"
