"""The canonical status codes by name; the names are what errors, metrics and spans carry."""

NAMES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
NUMBERS = {name: number for number, name in enumerate(NAMES)}

# What a model answers to an input that it cannot read: the caller's mistake, and proof that it is alive.
CALLERS = frozenset(("INVALID_ARGUMENT", "OUT_OF_RANGE"))
