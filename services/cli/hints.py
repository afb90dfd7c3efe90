"""What somebody at a terminal can do about an error, by its reason."""

from collections.abc import Mapping

HINTS: Mapping[str, str] = {
    "MODEL_NOT_FOUND": "The models that there are: turnout models list.",
    "PREDICTION_NOT_FOUND": "One that was just made has its record a moment later; old ones are kept for "
    "the retention of their router.",
    "NO_EXPERIMENT": "turnout rewards and turnout canary have what is known without one.",
    "BASELINE_NOT_FOUND": "Make one: turnout drift baseline FILE --model MODEL. Those that there are: "
    "turnout drift baselines MODEL.",
    "RESULT_NOT_FOUND": "Make one: turnout drift analyze MODEL. Those that are kept: turnout drift results "
    "MODEL.",
    "SERVICE_UNAVAILABLE": "Does it run? turnout up starts a suite; --server HOST:PORT, TURNOUT_CLI_ROUTER "
    "and its like, or TURNOUT_CLI_READY_FILE say where it is.",
    "STATE_UNAVAILABLE": "The service runs, but its Redis does not answer it; try again in a moment.",
    "UNAUTHENTICATED": "Say who you are: --key-file FILE, or TURNOUT_CLI_KEY in the environment, holds a "
    "key or a token. turnout whoami says whom the suite takes you for.",
    "PERMISSION_DENIED": "The key of somebody with that role may, or an administrator's; turnout whoami says "
    "whom the suite takes you for.",
    "UNIMPLEMENTED": "The server is of a version that does not do this.",
    "DEADLINE_EXCEEDED": "It took too long; a shorter window may do.",
}


def hint(reason: str) -> str:
    """A sentence or two; empty where there is nothing to say that the error does not."""
    return HINTS.get(reason, "")
