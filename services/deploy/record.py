"""What a controller remembers of one router. It may forget: the next visit finds out again."""

from dataclasses import dataclass, field

from services.deploy.rollout.verdict import Verdict


@dataclass(slots=True)
class Record:
    """stamps: of the wish, and of what we wrote since, which is no new wish; applied: whether the wish was;
    told: the last verdict; failures: in a row; due: when to look again, by the controller's clock."""

    stamps: set[str] = field(default_factory=set)
    applied: bool = False
    told: Verdict | None = None
    failures: int = 0
    due: float = 0.0
