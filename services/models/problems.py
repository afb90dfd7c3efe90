"""Everything that is wrong with one request, told at once."""

from services.foundation.errors import FieldViolation, TurnoutError

# More would not be read, and a status travels in 16 kB of metadata.
MOST = 20


class Problems:
    """Collects what is wrong and where; `settle` raises it."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []
        self._count = 0

    def add(self, path: str, description: str) -> None:
        """`path` is the field as the caller spells it; `description` says what would have been right."""
        self._count += 1
        if len(self._found) < MOST:
            self._found.append(FieldViolation(path, description))

    @property
    def found(self) -> list[FieldViolation]:
        """What was found, as much of it as is told."""
        return self._found

    @property
    def full(self) -> bool:
        """Whether a further description would not be told."""
        return len(self._found) == MOST

    def __bool__(self) -> bool:
        return self._count > 0

    def settle(self, error: type[TurnoutError], subject: str, model: str) -> None:
        """Raise `error` about `model` if anything was found; `subject` opens its message."""
        if not self._count:
            return
        first = self._found[0]
        more = f" (and {self._count - 1} more)" if self._count > 1 else ""
        message = f"{subject}: {first.field}: {first.description}{more}"
        raise error(message, fields=self._found, problems=self._count, model=model)
