"""The kinds of values that a condition handles, as far as they are known before a request comes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import NamedTuple


class Kind(Enum):
    """A kind, spelled as messages say it."""

    NUMBER = "a number"
    INT = "a whole number"
    TEXT = "text"
    BOOL = "true or false"
    MOMENT = "a time"
    SPAN = "a duration"
    LIST = "a list"
    MAP = "a map"
    NULL = "null"
    # Undeclared: a number or text, seen when the request comes.
    FREE = "a number or text"
    # What only CEL can tell.
    ANY = "a value"


NUMERIC = frozenset({Kind.NUMBER, Kind.INT})


def comparable(left: Kind, right: Kind) -> bool:
    """Whether two kinds can be equal at all; what is not known may be."""
    if left is right or Kind.ANY in (left, right):
        return True
    if Kind.FREE in (left, right):
        other = right if left is Kind.FREE else left
        return other in NUMERIC or other in (Kind.TEXT, Kind.FREE)
    return left in NUMERIC and right in NUMERIC


Names = tuple[frozenset[tuple[str, Kind]], frozenset[tuple[str, Kind]], frozenset[str]]


@lru_cache(1024)
def _one(names: Names) -> Names:
    """The first of equals: dictionaries compare what is identical at once, and names one by one."""
    return names


class Form(NamedTuple):
    """How a model's columns travel as tensors: their names in its order, which of them are numbers, and the
    name of the one tensor [rows, columns] that has them all; empty where each is a tensor of its own."""

    names: tuple[str, ...]
    numeric: tuple[bool, ...]
    stacked: str = ""


@dataclass(frozen=True, slots=True)
class Schema:
    """The names that conditions of one router may use.

    `features` are the columns that its variants' models read; empty where no model says, and then any bare
    name is a feature or else an attribute of the request. `attributes` are those declared with a kind (TEXT,
    NUMBER or BOOL); others are text and written attributes['x']. `forms` are those in
    which a row may come as tensors. `key` is the same for equal names.
    """

    features: Mapping[str, Kind] = field(default_factory=dict)
    attributes: Mapping[str, Kind] = field(default_factory=dict)
    headers: Collection[str] = ()
    forms: tuple[Form, ...] = ()
    key: Names = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = frozenset(self.features.items()), frozenset(self.attributes.items()), frozenset(self.headers)
        object.__setattr__(self, "key", _one(names))

    def known(self) -> str:
        """The declared names, for messages; at most twenty of them."""
        names = sorted({*self.features, *self.attributes})
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        return ", ".join(names[:20]) + more if names else "none"
