"""What can be wrong with a condition: when it is written, and when it is asked."""

MOST_SHOWN = 40


class BadCondition(ValueError):
    """The condition cannot be stored; the message says what is wrong and what would have been right, and
    where in the text. `part` is the field of an operator rule that is wrong, empty for CEL."""

    def __init__(self, said: str, part: str = "") -> None:
        super().__init__(said)
        self.part = part
        self.placed = " at character " in said

    def at(self, start: int, text: str) -> "BadCondition":
        """The same, with its place unless it has one: it starts at `start` with `text`."""
        if self.placed:
            return self
        shown = text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
        return BadCondition(f"{self}; at character {start + 1}: {shown}")


class RuleError(Exception):
    """The condition cannot be answered for this request, so it does not match: a name is absent, or a value
    is of another kind than the condition needs."""
