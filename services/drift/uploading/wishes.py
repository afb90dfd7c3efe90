"""What whoever uploads a file wants made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from services.drift.baselines import Role


class Kind(Enum):
    """What a column is counted as; the values are those of the contract's FeatureKind."""

    NUMERIC = 1
    CATEGORICAL = 2


class Format(Enum):
    """How a file is written; the values are those of the contract's BaselineFileFormat."""

    CSV = 1
    NDJSON = 2
    JSON = 3
    PARQUET = 4


# A file of a training set has some broken rows; one in a hundred is a file that was misunderstood.
MAX_REFUSED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Wishes:
    """The header of an upload, with its defaults. Names are those after `column_map`, which is by column of
    the file. declared: the features of the model's signature, with their kinds where it tells them."""

    format: Format | None = None
    column_map: Mapping[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    prediction: str = ""
    score: str = ""
    weight: str = ""
    segments: tuple[str, ...] = ()
    importance: Mapping[str, float] = field(default_factory=dict)
    encoding: str = ""
    delimiter: str = ""
    missing_words: frozenset[str] | None = None
    max_refused_share: float = MAX_REFUSED_SHARE
    file_bytes: int = 0
    declared: Mapping[str, Kind | None] = field(default_factory=dict)

    @property
    def roles(self) -> Mapping[str, Role]:
        """What the columns of the model's outputs are."""
        named = {self.prediction: Role.PREDICTION, self.score: Role.SCORE}
        return {name: role for name, role in named.items() if name}

    def named(self, column: str) -> str:
        """What a column of the file is called."""
        return self.column_map.get(column, column)
