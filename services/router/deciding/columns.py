"""Which columns of a record any variant of a router reads: one that none does is most likely a slip."""

from collections.abc import Iterable
from typing import NamedTuple

from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.model_pb2 import Feature, Model
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from services.models.records import unknown_columns
from services.router.config.graphs import INPUT, PLACE

# A caller who sends another table altogether need not read all of it back.
MOST_NAMED = 5
LONGEST_NAME = 40
# No column has this name.
WHOLE = ""


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


def columns_of(models: Iterable[Model], ensemble: EnsembleStrategy | None = None) -> Columns:
    """The columns that the signatures of a router's models declare, and those that the templates of its
    `ensemble` name. One that quotes the whole request reads every column: nothing is superfluous then."""
    quoted = frozenset[str]() if ensemble is None else _quoted(ensemble)
    if WHOLE in quoted:
        return Columns()
    declared = [model.signature.features for model in models]
    sets = {frozenset(feature.name for feature in features) for features in declared}
    names = frozenset[str]().union(*sets)
    required = not any(_optional(feature) for features in declared for feature in features)
    # A router whose models declare no column is silent: it may read any.
    required = required and quoted <= names
    names = names | quoted if names else names
    return Columns(names, len(names) if len(sets) == 1 and required else -1)


def _quoted(ensemble: EnsembleStrategy) -> frozenset[str]:
    """Columns of the request that steps refer to; WHOLE for all of it."""
    steps = ensemble.specialists.steps
    texts = [text for step in steps for text in (*PLACE.findall(step.template), *step.columns.values())]
    columns = (text.partition(".") for text in texts)
    return frozenset(column or WHOLE for name, _, column in columns if name == INPUT)


def _optional(feature: Feature) -> bool:
    return feature.nullable or feature.HasField("default")
