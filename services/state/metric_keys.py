"""The keys of what is measured and published: traffic, outcomes, metrics of models, verdicts of drift.

Documented as those of `keys.py` are.
"""


def _partition(partition: int) -> str:
    return f"turnout:{{p{partition:02}}}"


def traffic(partition: int, router_uid: str, bucket: str) -> str:
    """String. Feedback's owner of the partition writes. Router and feedback read. Expires with the retention
    of its resolution: minutes after two days, hours after 30 days."""
    return f"{_partition(partition)}:traffic:{router_uid}:{bucket}"


def calls(partition: int, minute: int) -> str:
    """String. Feedback's owner of the partition writes. Feedback reads. Expires an hour after its last
    event: what models were called for in that minute."""
    return f"{_partition(partition)}:calls:{minute}"


def traffic_gaps(partition: int) -> str:
    """Sorted set. Feedback's owner of the partition writes. Router reads. Expires with its newest bucket."""
    return f"{_partition(partition)}:traffic-gaps"


def outcomes(partition: int, router_uid: str, bucket: str) -> str:
    """Hash. Feedback writes. Router reads. Expires with the retention of its resolution: rewards and labels
    of the predictions of that time."""
    return f"{_partition(partition)}:outcomes:{router_uid}:{bucket}"


def qualities(partition: int, uid: str, bucket: str) -> str:
    """Hash. Feedback writes. Router and drift read. Expires with the retention of its resolution: how right
    the answers of that time of a router were, or of a model, 4,000 fields at most; a model's hours and days
    after 90 days."""
    return f"{_partition(partition)}:qualities:{uid}:{bucket}"


def asked(partition: int, model_uid: str, bucket: str) -> str:
    """Hash. Feedback's owners of partitions write, a field each. Drift reads. Expires 90 days after its time:
    what a model was asked for then."""
    return f"{_partition(partition)}:asked:{model_uid}:{bucket}"


def label_codes(partition: int, model_uid: str) -> str:
    """Hash. Feedback writes. Feedback reads. Expires 90 days after the model's last label."""
    return f"{_partition(partition)}:label-codes:{model_uid}"


# One partition's owner publishes for all models; in its slot, a script can compare its lease.


def model_metrics() -> str:
    """Hash. Feedback's owner of partition 0 writes. Router and feedback read. Lives as long as the
    deployment, one field per model, and the version."""
    return f"{_partition(0)}:model-metrics"


def model_metrics_log() -> str:
    """Stream. Feedback's owner of partition 0 writes. Router reads. Lives as long as the deployment, what
    the newest versions replaced: at most 20,000 of them, and about 64 MiB."""
    return f"{_partition(0)}:model-metrics:log"


def model_metrics_channel() -> str:
    """Channel. Feedback writes. Router reads. Lives only in passing: a notice of a new version."""
    return "turnout:model-metrics"


def verdicts() -> str:
    """Hash. Drift writes. Router reads. Lives as long as the deployment, one field per analysed model, and
    the version."""
    return "turnout:{catalog}:verdicts"


def verdicts_channel() -> str:
    """Channel. Drift writes. Router reads. Lives only in passing: a notice of a new version."""
    return "turnout:verdicts"
