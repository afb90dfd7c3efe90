"""What goes wrong with a registry; each error blames the field that named it."""

from services.foundation.errors import FailedPrecondition, Unavailable

FIELD = "registry_uri"


class RegistryUnavailable(Unavailable):
    """The registry could not be reached, was too slow, or failed."""

    reason = "REGISTRY_UNAVAILABLE"


class RegistryUnusable(FailedPrecondition):
    """The registry refused us, or answered what cannot be read."""

    reason = "REGISTRY_UNUSABLE"


def unavailable(said: str) -> RegistryUnavailable:
    """The error of a registry that gives no answer."""
    return RegistryUnavailable(f"{FIELD}: {said}", fields=[(FIELD, said)])


def unusable(said: str, field: str = FIELD) -> RegistryUnusable:
    """The error of a registry whose answer is of no use."""
    return RegistryUnusable(f"{field}: {said}", fields=[(field, said)])
