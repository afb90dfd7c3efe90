"""The keys of alerts: settings, what schedules remember, who is to be told, and what watchers follow.

Documented as those of `keys.py` are.
"""


def alert_configs(partition: int) -> str:
    """Hash. Drift writes. Drift reads. Lives as long as the deployment, a field per model, and a version."""
    return f"{_partition(partition)}:alert-configs"


def alert_request(partition: int, request_id: str) -> str:
    """Hash. Drift writes. Drift reads. Expires 24 hours after the change of settings that first used the
    request id."""
    return f"{_partition(partition)}:alert-request:{request_id}"


def alert_memory(partition: int, model_uid: str) -> str:
    """String. The partition's owner in drift writes. Drift reads. Expires 90 days after the last look."""
    return f"{_partition(partition)}:alert-memory:{model_uid}"


def alerts(partition: int, model_uid: str) -> str:
    """Hash. The partition's owner in drift writes. Drift reads. Expires 90 days after the last change of an
    alert; at most 1,000 alerts."""
    return f"{_partition(partition)}:alerts:{model_uid}"


def alert_ids(partition: int, model_uid: str) -> str:
    """Sorted set. The partition's owner in drift writes. Drift reads. Expires with the alerts it names."""
    return f"{_partition(partition)}:alerts:{model_uid}:ids"


def alert_queue(partition: int) -> str:
    """Hash. The partition's owner in drift writes. The same reads. Expires a week after the last attempt at a
    delivery; at most 1,000 deliveries."""
    return f"{_partition(partition)}:alert-queue"


def alert_dead_letters(partition: int) -> str:
    """Stream. The partition's owner in drift writes. People read. Expires 30 days after the last of its 1,000
    entries: deliveries that were given up, and why."""
    return f"{_partition(partition)}:alert-queue:dead"


# Of all models, in the catalog's slot, so that one script announces a change and notes that it has.


def alerts_announced() -> str:
    """Hash. Drift writes. Drift reads. Lives as long as the deployment: the last change's number by model."""
    return "turnout:{catalog}:alerts-announced"


def alerts_firing() -> str:
    """Hash. Drift writes. Drift reads. Lives as long as the deployment, one field per alert that fires."""
    return "turnout:{catalog}:alerts-firing"


def alert_changes() -> str:
    """Stream. Drift writes. Drift reads. Lives as long as the deployment, its last 10,000 changes."""
    return "turnout:{catalog}:alert-changes"


def alerts_channel() -> str:
    """Channel. Drift writes. Drift reads. Lives only in passing: a notice of a change."""
    return "turnout:alerts"


def _partition(partition: int) -> str:
    return f"turnout:{{p{partition:02}}}"
