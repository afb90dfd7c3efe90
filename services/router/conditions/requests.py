"""A request as conditions see it: each part is read when the first condition asks for it."""

import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from turnout.inference.v1.input_pb2 import Input

from services.models.records import Record, record_of_row, record_of_tabular
from services.router.conditions.kinds import Kind, Schema
from services.router.conditions.tensors import record_of_tensors
from services.router.conditions.view import LONGEST_TEXT, Columns, Measures, nothing

BOOLEAN = {"true": True, "false": False}
EMPTY = Record({}, {}, ())


T = TypeVar("T")


class Lazy(Generic[T]):
    """A cached property without the lock that Python 3.11 takes for each: a view belongs to one task, and two
    microseconds for each of its parts are more than most rules cost."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make, self._name, self.__doc__ = make, make.__name__, make.__doc__

    def __get__(self, view: object, owner: type | None = None) -> T:
        made = view.__dict__[self._name] = self._make(view)
        return made


class RequestView:
    """A View of one request.

    `headers` are the call's metadata by lower-case name; only those that the schema allows are seen. `now` is
    in seconds since 1970. `boolean` are numeric features that true and false may fill in a row.
    """

    def __init__(
        self,
        schema: Schema,
        asked: Input,
        attributes: Mapping[str, str],
        entity_id: str,
        now: float,
        *,
        headers: Mapping[str, str] | None = None,
        metrics: Callable[[str], Measures | None] = nothing,
        drift: Callable[[str], str | None] = nothing,
        boolean: Collection[str] = (),
    ) -> None:
        self._schema, self._asked, self._now, self._boolean = schema, asked, now, boolean
        self._attributes, self._headers = attributes, headers or {}
        self.entity_id, self.metrics, self.drift = entity_id, metrics, drift

    @Lazy
    def kind(self) -> str:
        """Name of the input's kind."""
        return self._asked.WhichOneof("kind") or ""

    @Lazy
    def now(self) -> datetime:
        """The clock, in UTC."""
        return datetime.fromtimestamp(self._now, UTC)

    @Lazy
    def text(self) -> str | None:
        """The text, or the last message of a chat, at most LONGEST_TEXT characters."""
        if self.kind == "text":
            return self._asked.text[:LONGEST_TEXT]
        if self.kind == "chat" and self._asked.chat.messages:
            return self._asked.chat.messages[-1].content[:LONGEST_TEXT]
        return None

    @Lazy
    def _record(self) -> Record:
        if self.kind == "tabular":
            return record_of_tabular(self._asked.tabular)
        if self.kind == "tensors":
            return record_of_tensors(self._asked.tensors, self._schema.forms) or EMPTY
        return record_of_row(self._asked.row, self._boolean) if self.kind == "row" else EMPTY

    @Lazy
    def numeric(self) -> Columns[float]:
        """Numeric columns that are numbers."""
        given = self._record.numeric
        names = list(given)
        # A message's map hands its values out one by one: half the time where nothing of Python is between.
        found = Columns(zip(names, map(given.__getitem__, names), strict=True))
        # NaN makes the sum NaN: thirty columns are looked at in one call, and one by one only then.
        if math.isnan(sum(found.values())):
            return Columns({name: value for name, value in found.items() if not math.isnan(value)})
        return found

    @Lazy
    def categorical(self) -> Columns[str]:
        """Categorical columns that are not too long to be looked at."""
        given = self._record.categorical
        return Columns({name: text for name in given if len(text := given[name]) <= LONGEST_TEXT})

    @Lazy
    def attributes(self) -> Columns[str | float | bool]:
        """Attributes, those declared as numbers or bools read as such; what cannot be read is absent."""
        found: Columns[str | float | bool] = Columns(self._attributes)
        for name, kind in self._schema.attributes.items():
            if kind is not Kind.TEXT and name in found:
                value = _as(kind, str(found.pop(name)))
                if value is not None:
                    found[name] = value
        return found

    @Lazy
    def headers(self) -> Columns[str]:
        """The headers that the router allows."""
        return Columns({name: self._headers[name] for name in self._schema.headers if name in self._headers})


def _as(kind: Kind, text: str) -> float | bool | None:
    if kind is Kind.BOOL:
        return BOOLEAN.get(text.lower())
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
