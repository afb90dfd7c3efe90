"""The keys of what models are compared with, what they see, and what came of the comparison.

Documented as those of `keys.py` are.
"""


def baselines(partition: int, model_uid: str) -> str:
    """Hash. Drift writes. Drift reads. Lives as long as the model, at most 100 baselines."""
    return f"{_partition(partition)}:baselines:{model_uid}"


def baseline_ids(partition: int, model_uid: str) -> str:
    """Sorted set. Drift writes. Drift reads. Lives as long as the model, an id per baseline by its time."""
    return f"{_partition(partition)}:baselines:{model_uid}:ids"


def baseline_request(partition: int, request_id: str) -> str:
    """Hash. Drift writes. Drift reads. Expires 24 hours after a creation first used the request id."""
    return f"{_partition(partition)}:baseline-request:{request_id}"


def active_baselines() -> str:
    """Hash. Drift writes. Drift reads. Lives as long as the deployment, one field per model with
    baselines: a line with id and uid of the active one, or nothing, then a line per segment that has an
    active one: id, uid, and the segment as JSON [name, value]; and a line per baseline that is counted beside
    an active one: id, uid, and {"beside": true, "of": null or the segment}."""
    return "turnout:{catalog}:active-baselines"


def profile(partition: int, baseline_uid: str, bucket: str) -> str:
    """String. The partition's owner in drift writes. Drift reads. Expires with the retention of its
    resolution."""
    return f"{_partition(partition)}:profile:{baseline_uid}:{bucket}"


def profile_buckets(partition: int, baseline_uid: str) -> str:
    """Sorted set. The partition's owner in drift writes. Drift reads. Expires with the newest bucket it
    names."""
    return f"{_partition(partition)}:profile:{baseline_uid}"


def profile_partitions(baseline_uid: str) -> str:
    """Set. The partitions' owners in drift write. Drift reads. Lives as long as the baseline: the partitions
    that have profiles on it, at most 64."""
    return f"turnout:{{profile:{baseline_uid}}}:partitions"


def gap_partitions() -> str:
    """Set. The partitions' owners in drift write. Drift reads. Lives as long as the deployment: the
    partitions that have lost events, at most 64."""
    return "turnout:{catalog}:gap-partitions"


def gaps(partition: int) -> str:
    """Sorted set. The partition's owner in drift writes. Drift reads. Expires with its newest bucket."""
    return f"{_partition(partition)}:gaps"


def drift_results(partition: int, model_uid: str) -> str:
    """Hash. Drift writes. Drift reads. Expires 90 days after the last analysis; at most 1,000 results and
    32 MiB."""
    return f"{_partition(partition)}:drift-results:{model_uid}"


def drift_result_ids(partition: int, model_uid: str) -> str:
    """Sorted set. Drift writes. Drift reads. Lives as long as its results: of each an id, a status, a word
    for what was compared, and the baseline's id and uid."""
    return f"{_partition(partition)}:drift-results:{model_uid}:ids"


def logged(partition: int, digest: str) -> str:
    """String. Drift writes. Drift reads. Expires a day after a prediction was logged, or a minute where
    nobody can send it again: its id, by what its caller knows it by."""
    return f"{_partition(partition)}:logged:{digest}"


def model_users(partition: int, model_uid: str) -> str:
    """Sorted set. The partition's owner in drift writes. Drift reads. Expires with the retention of the
    newest prediction: the routers of the partition that the model served, by the last minute of it, at most
    1,000."""
    return f"{_partition(partition)}:users:{model_uid}"


def upload(partition: int, digest: str) -> str:
    """String. Drift writes. Drift reads. Expires seven days after the last of an upload of ground truth came:
    how far it is."""
    return f"{_partition(partition)}:upload:{digest}"


def upload_stream(partition: int, digest: str) -> str:
    """String. Drift writes. Drift reads. Expires seven days after a stream of the upload began: the stream
    that goes on with it, and alone may say how far it is."""
    return f"{_partition(partition)}:upload-stream:{digest}"


def _partition(partition: int) -> str:
    return f"turnout:{{p{partition:02}}}"
