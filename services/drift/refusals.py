"""Items of many that were refused, each for itself."""

from turnout.drift.v1.item_error_pb2 import ItemError

from services.foundation.errors import TurnoutError

# Who sends a million wrong rows learns from the first.
MOST_ERRORS = 100


def refused(wrong: TurnoutError, index: int, line: int = 0) -> ItemError:
    """Why an item was refused; line: of its file, from 1."""
    field = wrong.fields[0].field if wrong.fields else ""
    return ItemError(
        index=index, line=line, field=field, reason=wrong.reason, message=wrong.message, code=wrong.code
    )
