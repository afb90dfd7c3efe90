"""Where a model stands: in service or ejected, how often, until when. Pure: time is an argument.

Two clocks meet here. What replicas share is absolute, by Redis' clock; what a replica waits for is counted
on its own monotonic clock, from the difference of two readings of Redis' clock that came together
(`Notice.left` and `Notice.ended_ago`). A wall clock that jumps, on any machine, therefore neither frees a
model nor holds it: each expiry is translated once, when it is first heard, and is never longer than the term
that it was given.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from services.router.health.rules import Rules
from services.router.health.terms import forgiven, term


@dataclass(frozen=True, slots=True)
class Standing:
    """`number` counts the ejections of the model's life and never falls: of two accounts the greater one is
    newer, and of one number "cleared" comes after "ejected".

    `times` is what the term grows with. `began` is shared time in ms; `until` and `ended` are seconds of this
    process' monotonic clock. `expires` is the shared expiry, in ms, that `until` comes from; 0 for none.
    """

    number: int = 0
    times: int = 0
    out: bool = False
    began: float = 0.0
    until: float = 0.0
    ended: float = 0.0
    expires: float = 0.0
    reason: str = ""


class Notice(Protocol):
    """What Redis says of a model: seconds that are `left`, and since it `ended`, at the reading; `began` and
    `expires` are shared times in ms."""

    @property
    def number(self) -> int: ...
    @property
    def times(self) -> int: ...
    @property
    def out(self) -> bool: ...
    @property
    def began(self) -> float: ...
    @property
    def left(self) -> float: ...
    @property
    def ended_ago(self) -> float: ...
    @property
    def expires(self) -> float: ...
    @property
    def reason(self) -> str: ...


def ejected(before: Standing, rules: Rules, reason: str, now: float, shared: float) -> Standing:
    """Out of service, once more. `now` is monotonic, `shared` the shared time in ms. Who is out already and
    failed its probe stays in its place in the row; an expiry only ever moves away."""
    times = 1 + (before.times if before.out else forgiven(before.times, now - before.ended, rules))
    until = now + term(times, rules)
    return Standing(
        number=before.number + 1,
        times=times,
        out=True,
        began=before.began if before.out else shared,
        until=max(until, before.until) if before.out else until,
        reason=reason,
    )


def cleared(before: Standing, now: float) -> Standing:
    """Back in service; how often it was ejected is forgiven as time goes by."""
    return replace(before, out=False, ended=now)


def merged(mine: Standing, notice: Notice, now: float) -> Standing:
    """What is known after hearing `notice`; `mine` itself where it says nothing new."""
    known = (mine.number, not mine.out, mine.expires)
    if notice.number < mine.number or (notice.number, not notice.out, notice.expires) == known:
        return mine
    if notice.number == mine.number and not mine.out:
        # Cleared here; that it was ejected is older news.
        return mine
    if not notice.out:
        ended = now - notice.ended_ago
        return replace(mine, number=notice.number, times=notice.times, out=False, ended=ended)
    until = now + notice.left
    return Standing(
        number=notice.number,
        times=max(notice.times, mine.times) if mine.out else notice.times,
        out=True,
        began=notice.began,
        until=max(until, mine.until) if mine.out else until,
        expires=notice.expires,
        reason=notice.reason,
    )
