"""What alerts can refuse, as facts."""

from services.foundation.errors import FailedPrecondition


class NoWebhooks(FailedPrecondition):
    """There is nobody to tell."""

    reason = "NO_WEBHOOKS"
