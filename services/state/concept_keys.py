"""The keys of the detectors on models' errors.

Documented as those of `keys.py` are.
"""


def concept(partition: int, model_uid: str) -> str:
    """String. The partition's owner in drift writes. Drift reads. Expires 90 days after its last label: what
    detectors make of a model's errors on the partition's predictions, a few kB."""
    return f"turnout:{{p{partition:02}}}:concept:{model_uid}"


def concept_partitions(model_uid: str) -> str:
    """Set. The partitions' owners in drift write. Drift reads. Lives as long as the model: the partitions in
    which detectors hold something of it, at most 64."""
    return f"turnout:{{concept:{model_uid}}}:partitions"


def concept_progress(partition: int) -> str:
    """String. The partition's owner in drift writes. Drift reads. Expires 90 days after its last label: how
    far labels are folded, and which minutes have some that are not."""
    return f"turnout:{{p{partition:02}}}:concept-progress"


def concept_detection() -> str:
    """Hash. Drift writes. Drift reads. Lives as long as the deployment, a field per model whose errors are
    watched otherwise than by default."""
    return "turnout:{catalog}:concept-detection"


def rewarded(partition: int) -> str:
    """Sorted set. Feedback writes. The partition's owner in drift reads and writes. Expires 90 days after the
    last minute was noted: which minutes of a router's predictions have rewards that detectors did not see, by
    when the first of them came in ms; 5,000 at most."""
    return f"turnout:{{p{partition:02}}}:rewarded"
