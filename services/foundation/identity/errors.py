"""Why a caller is not known. What is said helps an honest caller and tells a dishonest one nothing new."""

from services.foundation.errors import Unauthenticated, Unavailable


class BadCredentials(Unauthenticated):
    """Credentials were given, and are not accepted; the fact `why` is for programs."""

    def __init__(self, said: str, why: str) -> None:
        super().__init__(said, why=why)


class NoCredentials(Unauthenticated):
    """The method is for callers who say who they are."""


class KeysUnavailable(Unavailable):
    """What credentials are checked against has not been loaded yet: nothing is known against the caller."""
