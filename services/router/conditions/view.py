"""What conditions see of one request, and of what is known about models."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from services.router.conditions.errors import RuleError

V = TypeVar("V")

# Characters that conditions see of a text: one look at a longer one takes too long beside a prediction.
LONGEST_TEXT = 4096

Measures = Mapping[str, float]


class Columns(dict[str, V]):
    """Values by name; a name that is absent makes the condition an error."""

    def __missing__(self, name: str) -> V:
        raise RuleError(f"{name} is absent, or of another kind than the condition needs")


class View(Protocol):
    """A request, as conditions name its parts. Numbers are never NaN: such a column is absent.

    `text` is the text of a text input or the last message of a chat, at most LONGEST_TEXT characters; None
    for other kinds. `metrics` maps a model to what is measured of it, None where nothing is; `drift` to its
    status.
    """

    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    @property
    def numeric(self) -> Columns[float]: ...
    @property
    def categorical(self) -> Columns[str]: ...
    @property
    def attributes(self) -> Columns[str | float | bool]: ...
    @property
    def headers(self) -> Columns[str]: ...
    @property
    def entity_id(self) -> str: ...
    @property
    def now(self) -> datetime: ...
    @property
    def metrics(self) -> Callable[[str], Measures | None]: ...
    @property
    def drift(self) -> Callable[[str], str | None]: ...


def nothing(_model: str) -> None:
    """Metrics or drift of a model that nobody knows."""


@dataclass(frozen=True, slots=True)
class Given:
    """A view whose parts are all there: of no request, unless they are given."""

    kind: str = ""
    text: str | None = None
    numeric: Columns[float] = field(default_factory=Columns)
    categorical: Columns[str] = field(default_factory=Columns)
    attributes: Columns[str | float | bool] = field(default_factory=Columns)
    headers: Columns[str] = field(default_factory=Columns)
    entity_id: str = ""
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    metrics: Callable[[str], Measures | None] = nothing
    drift: Callable[[str], str | None] = nothing
