"""What somebody at a terminal can do about an error, by its reason."""

from collections.abc import Mapping

HINTS: Mapping[str, str] = {
    "MODEL_NOT_FOUND": "The models that there are: ModelService/ListModels of the router.",
    "BASELINE_NOT_FOUND": "Make one: turnout drift baseline FILE --model MODEL. Those that there are: "
    "turnout drift baselines MODEL.",
    "RESULT_NOT_FOUND": "Make one: turnout drift analyze MODEL. Those that are kept: turnout drift results "
    "MODEL.",
    "SERVICE_UNAVAILABLE": "Does it run? turnout up starts a suite; --server HOST:PORT, TURNOUT_CLI_ROUTER "
    "and its like, or TURNOUT_CLI_READY_FILE say where it is.",
    "STATE_UNAVAILABLE": "The service runs, but its Redis does not answer it; try again in a moment.",
    "UNAUTHENTICATED": "Say who you are: TURNOUT_CLI_KEY in the environment holds an API key or a token.",
    "PERMISSION_DENIED": "Another key may; ask an editor or the owner of the model.",
    "UNIMPLEMENTED": "The server is of a version that does not do this.",
    "DEADLINE_EXCEEDED": "It took too long; a shorter window may do.",
}


def hint(reason: str) -> str:
    """A sentence or two; empty where there is nothing to say that the error does not."""
    return HINTS.get(reason, "")
