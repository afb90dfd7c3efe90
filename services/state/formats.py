"""The number that every stored value carries, and the refusal of those from the future."""

from services.state.errors import NewerFormat

# One per noun; raised when an older version could misread what is written from then on.
CONFIG = 1
EVENT_BATCH = 1
PREDICTION_EVENT = 1
PARTICIPANT_EVENT = 1
RECORD = 1
TRUTH = 1
REWARDS = 1
ARMS = 1
PULLS = 1
PARKED = 1
REPLICA = 1
API_KEY = 1
TRAFFIC = 1
CALLS = 1
OUTCOMES = 1
MODEL_METRICS = 1
VERDICT = 1
EJECTION = 1
PANELS = 1
PANEL_TRUTHS = 1
QUALITIES = 1
EVIDENCE = 1
DECISIONS = 1
RESET = 1
UPLOAD = 1
CANARY = 1
CONCEPT = 1
ALERT_CONFIG = 1
ALERT_MEMORY = 1
ALERT = 1
ALERT_DELIVERY = 1


def check(noun: str, found: int, known: int) -> None:
    """Raises NewerFormat if `found` is newer than `known`: refused, never half read.

    >>> check("prediction record", 1, 1)
    """
    if found > known:
        raise NewerFormat(
            f"a stored {noun} has format {found}, this version reads up to {known}: upgrade this process",
            noun=noun,
            format=found,
            newest_known=known,
        )
