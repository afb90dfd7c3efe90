"""Which columns of a record any variant of a router reads: one that none does is most likely a slip."""

from collections.abc import Iterable
from typing import NamedTuple

from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.model_pb2 import Feature, Model

from services.models.records import unknown_columns

# A caller who sends another table altogether need not read all of it back.
MOST_NAMED = 5
LONGEST_NAME = 40


class Columns(NamedTuple):
    """`names` is what the variants read together; `whole` how many columns a record has that all of them can
    read and nobody finds superfluous, where that is known: they read the same ones and none is optional."""

    names: frozenset[str] = frozenset()
    whole: int = -1

    def warning(self, given: Input) -> str:
        """What to say of a row or tabular input that a variant can read; empty where there is nothing."""
        # The count alone tells of nearly all of them; looking up each name takes microseconds.
        if given.HasField("tabular"):
            tabular = given.tabular
            count = len(tabular.numeric_features) + len(tabular.categorical_features) + len(tabular.missing)
        elif given.HasField("row"):
            count = len(given.row.fields)
        else:
            return ""
        return "" if count == self.whole else self._told(unknown_columns(given, self.names))

    def _told(self, unread: list[str]) -> str:
        if not unread or not self.names:
            return ""
        named = ", ".join(repr(name[:LONGEST_NAME]) for name in unread[:MOST_NAMED])
        more = f" and {len(unread) - MOST_NAMED} more" if len(unread) > MOST_NAMED else ""
        return f"ignored, since no variant of this router reads it: {named}{more}"


def columns_of(models: Iterable[Model]) -> Columns:
    """The columns that the signatures of a router's models declare."""
    declared = [model.signature.features for model in models]
    sets = {frozenset(feature.name for feature in features) for features in declared}
    names = frozenset[str]().union(*sets)
    required = not any(_optional(feature) for features in declared for feature in features)
    return Columns(names, len(names) if len(sets) == 1 and required else -1)


def _optional(feature: Feature) -> bool:
    return feature.nullable or feature.HasField("default")
