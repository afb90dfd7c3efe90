"""Whom a plan names: members, who answer, and helpers, who make one answer of theirs."""

from dataclasses import dataclass, field
from typing import ClassVar

from turnout.router.v1.overrides_pb2 import Overrides


@dataclass(frozen=True, slots=True)
class Member:
    """One model of a plan. `variant` is unique in it; `timeout` in seconds; what is None was not declared.
    `overrides` have the member's own `threshold` among them; `path` is where the plan names it."""

    variant: str
    model: str
    weight: float | None = None
    timeout: float | None = None
    threshold: float | None = None
    overrides: Overrides | None = None
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Helper:
    """A model that answers nobody's question: verifier, judge, fuser, embedder, meta-model."""

    model: str
    timeout: float | None = None
    overrides: Overrides | None = None
    path: str = field(default="", compare=False)
    variant: ClassVar[str] = ""
    threshold: ClassVar[float | None] = None


Voice = Member | Helper
