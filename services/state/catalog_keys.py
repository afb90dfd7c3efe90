"""The keys of the catalog: what there is, by name, and what belongs to no partition. `keys.py` hands them on,
with the same rules for docstrings."""


def catalog_changes() -> str:
    """Stream. Router writes. All read. Lives as long as the deployment, its last 10,000 changes."""
    return "turnout:{catalog}:changes"


def catalog_names(kind: str) -> str:
    """Hash. Router writes. All read. Lives as long as the deployment, one field per resource name of a
    kind."""
    return f"turnout:{{catalog}}:names:{kind}"


def catalog_listing(kind: str) -> str:
    """Sorted set. Router writes. Router reads. Lives as long as the deployment, the names in their order."""
    return f"turnout:{{catalog}}:listing:{kind}"


def catalog_leaving(name: str) -> str:
    """String. Router writes. Router reads. Expires a minute after somebody began or ended to delete the
    resource of that name."""
    return f"turnout:{{catalog}}:leaving:{name}"


def catalog_request(request_id: str) -> str:
    """Hash. Router writes. Router reads. Expires 24 hours after a change first used the request id."""
    return f"turnout:{{catalog}}:request:{request_id}"


def catalog_replicas() -> str:
    """Hash. Router writes. Router reads. Expires an hour after the last replica's last heartbeat."""
    return "turnout:{catalog}:replicas"


def catalog_served(replica: str) -> str:
    """Hash. Router writes. Router reads. Expires an hour after the replica's last heartbeat, one field per
    router that it serves."""
    return f"turnout:{{catalog}}:served:{replica}"


def catalog_heartbeats() -> str:
    """Sorted set. Router writes. Router reads. Expires an hour after the last replica's last heartbeat."""
    return "turnout:{catalog}:heartbeats"


def members(group: str) -> str:
    """Sorted set. Members of the group write. Members of the group read. Expires an hour after the last
    beat."""
    return f"turnout:{{catalog}}:members:{group}"


def catalog_duty(duty: str) -> str:
    """String. Router writes. Router reads. Expires when who has the duty stops renewing it."""
    return f"turnout:{{catalog}}:duty:{duty}"


def catalog_duty_turns(duty: str) -> str:
    """String. Router writes. Router reads. Lives as long as the deployment: how often the duty was taken."""
    return f"turnout:{{catalog}}:duty-turns:{duty}"


def catalog_aliases() -> str:
    """Hash. Router writes. All read. Lives as long as the deployment, one field per alias of a model: the
    model's name."""
    return "turnout:{catalog}:aliases"


def catalog_audit() -> str:
    """Stream. Router writes. Router reads. Lives as long as the deployment, its last 5,000 changes of
    aliases."""
    return "turnout:{catalog}:audit"


# Health.


def ejections() -> str:
    """Hash. Router writes. Router reads. Expires two hours after the last ejection in it has ended, one field
    per uid of a model that is ejected, or was."""
    return "turnout:{catalog}:ejections"


def probe_lease(model_uid: str) -> str:
    """String. Router writes. Router reads. Expires when the one probe of an ejected model must have ended."""
    return f"turnout:{{catalog}}:probe:{model_uid}"


def ejections_channel() -> str:
    """Channel. Router writes. Router reads. Lives only in passing: an ejection, or the end of one, whole."""
    return "turnout:ejections"
