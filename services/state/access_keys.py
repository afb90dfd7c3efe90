"""The keys of access. `keys.py` hands them on, with the same rules for docstrings."""


def api_keys() -> str:
    """Hash. Router writes. All read. Lives as long as the deployment, one field per API key that is neither
    revoked nor long expired, at most 10,000: whom it speaks for, and the digest of its secret."""
    return "turnout:{catalog}:api-keys"


def api_keys_version() -> str:
    """String. Router writes. All read. Lives as long as the deployment, a number that grows with each change
    of the API keys."""
    return "turnout:{catalog}:api-keys:version"


def api_keys_channel() -> str:
    """Channel. Router writes. All read. Lives only in passing: which API key changed, and the new version."""
    return "turnout:api-keys"
