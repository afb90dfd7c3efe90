"""Whether an answer will do: what a check is, and what comes of it."""

from dataclasses import dataclass
from typing import NamedTuple

from services.aggregator.checks.condition import Condition
from services.aggregator.checks.schema import Schema
from services.aggregator.checks.verifier import Verifier


class Ruling(NamedTuple):
    """What a check says: `failed` means that it could not be made, and then `accepted` is what the plan wants
    of such answers."""

    accepted: bool
    reason: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """What looks at an answer, and what holds of one that it could not look at."""

    kind: Verifier | Schema | Condition
    accept_on_failure: bool = False
