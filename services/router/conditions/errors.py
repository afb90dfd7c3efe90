"""What can be wrong with a condition: when it is written, and when it is asked."""


class BadCondition(ValueError):
    """The condition cannot be stored; the message says what is wrong and what would have been right."""


class RuleError(Exception):
    """The condition cannot be answered for this request, so it does not match: a name is absent, or a value
    is of another kind than the condition needs."""
