"""The rows of a file that are left out."""

from dataclasses import dataclass, field

from services.drift.errors import BaselineFile
from services.drift.uploading.blocks import Refused
from services.foundation.errors import FieldViolation

MOST_TOLD = 20
# By then a file is known to be another one than its header says: the rest need not come.
EARLY_ROWS, EARLY_TIMES = 1_000, 10


@dataclass(slots=True)
class Refusals:
    """How many rows came, how many of them are refused, and the first of those."""

    max_share: float
    rows: int = 0
    refused: int = 0
    told: list[Refused] = field(default_factory=list)

    def add(self, wrong: list[Refused]) -> None:
        """Refuse rows. Raises BaselineFile where they are far too many."""
        self.refused += len(wrong)
        self.told += wrong[: max(MOST_TOLD - len(self.told), 0)]
        if self.refused >= EARLY_ROWS and self.refused > EARLY_TIMES * self.max_share * self.rows:
            raise self._too_many()

    def check(self) -> None:
        """Raises BaselineFile where there are too many of them, or no others."""
        if self.refused > self.max_share * self.rows or (self.rows and self.refused == self.rows):
            raise self._too_many()
        if not self.rows:
            raise BaselineFile("the file has no rows")

    def _too_many(self) -> BaselineFile:
        first = self.told[0]
        where = f"line {first.line}" + (f", column {first.column!r}" if first.column else "")
        said = (
            f"{self.refused:,} of {self.rows:,} rows cannot be read, and {self.max_share:.2%} may "
            f"(max_refused_share); {where}: {first.why}"
        )
        fields = [
            FieldViolation(f"line {one.line}" + (f".{one.column[:64]}" if one.column else ""), one.why)
            for one in self.told
        ]
        return BaselineFile(said, fields=fields, line=first.line, refused=self.refused, rows=self.rows)
