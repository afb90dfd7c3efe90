"""Every key of the suite's state: the only place where one is spelled, with `access_keys.py`,
`alert_keys.py`, `canary_keys.py`, `catalog_keys.py`, `drift_keys.py`, `evidence_keys.py`, `feedback_keys.py`,
`metric_keys.py`, `panel_keys.py`, `pin_keys.py` and `truth_keys.py`.

Each function's docstring says, in this order and in a sentence each: the type; who writes it; who reads it;
and how long it lives ("Lives as long as ...", or "Expires ..." if it carries a TTL). Tests read them, and
what any test leaves in Redis is checked against them.

`{p07}` and `{catalog}` are hash tags: keys that share one share a slot, so that one script can touch them
all.
"""

from services.state.access_keys import api_keys, api_keys_channel, api_keys_version
from services.state.catalog_keys import (
    catalog_aliases,
    catalog_audit,
    catalog_changes,
    catalog_heartbeats,
    catalog_listing,
    catalog_names,
    catalog_replicas,
    catalog_request,
    ejections,
    ejections_channel,
    members,
    probe_lease,
)
from services.state.truth_keys import truth_seen, truths

__all__ = [  # handed on; what is spelled below is found as it stands
    "api_keys",
    "api_keys_channel",
    "api_keys_version",
    "catalog_aliases",
    "catalog_audit",
    "catalog_changes",
    "catalog_heartbeats",
    "catalog_listing",
    "catalog_names",
    "catalog_replicas",
    "catalog_request",
    "ejections",
    "ejections_channel",
    "members",
    "probe_lease",
    "truth_seen",
    "truths",
]


def _partition(partition: int) -> str:
    return f"turnout:{{p{partition:02}}}"


# Configuration, in the partition of the resource's uid.


def config(partition: int, kind: str, uid: str) -> str:
    """Hash. Router writes. All read. Lives as long as the resource."""
    return f"{_partition(partition)}:{kind}:{uid}"


def generations(partition: int, kind: str, uid: str) -> str:
    """Hash. Router writes. Router reads. Lives as long as the resource, its last 50 generations."""
    return f"{_partition(partition)}:{kind}:{uid}:generations"


def audit(partition: int) -> str:
    """Stream. Router and feedback write. Router reads. Lives as long as the deployment, its last 5,000
    changes of configurations and resets of rewards."""
    return f"{_partition(partition)}:audit"


def answer(partition: int, request_id: str) -> str:
    """Hash. Router writes. Router reads. Expires 24 hours after the change that it is the answer of."""
    return f"{_partition(partition)}:answer:{request_id}"


# Streams of a partition, and who leads it.


def events(partition: int) -> str:
    """Stream. Router writes. Drift and feedback read. Lives as long as the deployment, what a group has not
    done."""
    return f"{_partition(partition)}:events"


def truth(partition: int) -> str:
    """Stream. Drift and feedback write. Drift and feedback read. Lives as long as the deployment, what a
    group has not done."""
    return f"{_partition(partition)}:truth"


def totals(stream: str) -> str:
    """Hash. Whoever appends writes. Whoever appends or consumes reads. Lives as long as the stream it
    counts."""
    return f"{stream}:totals"


def written(partition: int, writer: str) -> str:
    """String. Router writes. Router reads. Expires a week after the writer's last batch for the partition."""
    return f"{_partition(partition)}:written:{writer}"


def lease(partition: int, group: str) -> str:
    """String. Members of the group write. Members of the group read. Expires when its owner stops renewing
    it."""
    return f"{_partition(partition)}:lease:{group}"


def token(partition: int, group: str) -> str:
    """String. Members of the group write. Members of the group read. Lives as long as the deployment."""
    return f"{_partition(partition)}:token:{group}"


def attempts(stream: str, group: str) -> str:
    """Hash. The partition's owner writes. The partition's owner reads. Expires a day after the last
    failure."""
    return f"{stream}:attempts:{group}"


def dead_letters(stream: str) -> str:
    """Stream. The partition's owner writes. People read. Expires 30 days after the last of its 1,000
    entries."""
    return f"{stream}:dead"


# Predictions.


def records(partition: int, minute: int) -> str:
    """Hash. Drift writes. Router, feedback and aggregator read. Expires with the retention of the
    predictions."""
    return f"{_partition(partition)}:records:{minute}"


def record_ids(partition: int, router_uid: str, minute: int) -> str:
    """Sorted set. Drift writes. Router and drift read. Expires with the retention of the predictions."""
    return f"{_partition(partition)}:ids:{router_uid}:{minute}"


def record_minutes(partition: int, router_uid: str) -> str:
    """Sorted set. Drift writes. Router and drift read. Expires with the retention of the newest
    prediction."""
    return f"{_partition(partition)}:minutes:{router_uid}"


# What was learnt.


def rewards(partition: int, router_uid: str) -> str:
    """Hash. Feedback writes. Router reads. Expires 90 days after the last publication."""
    return f"{_partition(partition)}:rewards:{router_uid}"


def rewards_channel() -> str:
    """Channel. Feedback writes. Router reads. Lives only in passing: a notice of a new snapshot."""
    return "turnout:rewards"


def arms(partition: int, learner: str, measure: str) -> str:
    """Hash. Feedback writes. Feedback reads. Expires 90 days after the learner's last reward in the measure.

    A learner is the uid of a router, or of a model whose accuracy it is."""
    return f"{_partition(partition)}:arms:{learner}:{measure}"


def arm_window(partition: int, learner: str, measure: str, arm: str) -> str:
    """String. Feedback writes. Feedback reads. Expires 90 days after the arm's last reward in the measure."""
    return f"{arms(partition, learner, measure)}:window:{arm}"


def reports_applied(partition: int, minute: int) -> str:
    """Hash. Feedback writes. Feedback reads. Expires with the horizon of the predictions of that minute."""
    return f"{_partition(partition)}:applied:{minute}"


def pulls(partition: int, router_uid: str) -> str:
    """Hash. Feedback's owner of the partition writes. Feedback reads. Expires 90 days after the last draw."""
    return f"{_partition(partition)}:pulls:{router_uid}"


def pulls_until(partition: int) -> str:
    """String. Feedback's owner of the partition writes. The same reads. Lives as long as the deployment: the
    last entry of the event stream that is in the pulls."""
    return f"{_partition(partition)}:pulls-until"


def parked(partition: int) -> str:
    """Sorted set. Feedback writes. Feedback reads. Expires three days after the last feedback was parked."""
    return f"{_partition(partition)}:parked"


def parked_items(partition: int) -> str:
    """Hash. Feedback writes. Feedback reads. Expires three days after the last feedback was parked."""
    return f"{parked(partition)}:items"


def arms_channel() -> str:
    """Channel. Feedback writes. Feedback reads. Lives only in passing: a notice that arms have new
    rewards, of whoever does not own their partition."""
    return "turnout:arms"
