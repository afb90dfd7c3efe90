"""Exceptions that nobody foresaw: the caller gets an id, the log the rest."""

import secrets

from services.foundation.errors import Internal
from services.foundation.logs import log
from services.foundation.metrics import Metrics


def surprise(failure: BaseException, method: str, metrics: Metrics) -> Internal:
    """What a caller of `method` is told of a defect of ours; never the text of the exception."""
    error_id = secrets.token_hex(8)
    metrics.errors_unexpected[method].inc()
    log.error("unexpected error", error_id=error_id, method=method, exc_info=failure)
    return Internal(f"internal error {error_id}; the server's log has it under this id", error_id=error_id)
