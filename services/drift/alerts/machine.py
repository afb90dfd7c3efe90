"""Raising and clearing, as a fold: no single look does either.

What fires is `max(raised, held)`: `raised` is as grave as k of the last n looks are, and as this one is;
`held` is what fired before, until m looks in a row were less. Everything in it is a minimum or a maximum, so
that a graver look never makes a milder alert.

>>> rules = Rules(bad=2, of=3, good=2, cooldown=0.0)
>>> one = Machine()
>>> for level in (WARNING, GOOD, WARNING):
...     one = step(one, Sight(level, level), rules, 0.0)
>>> one.severity
1
"""

from dataclasses import dataclass, replace

# Levels: how grave a look is, and an alert.
GOOD, WARNING, ALERT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Rules:
    """bad, of: looks to raise; good: looks to clear; cooldown: in seconds."""

    bad: int
    of: int
    good: int
    cooldown: float


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look came to. proven: the level of what the epoch's evidence establishes, which alone can raise;
    seen: the level by itself, which alone can hold. seen >= proven."""

    seen: int
    proven: int


@dataclass(frozen=True, slots=True)
class Machine:
    """seen, proven: of the last looks with data, oldest first. severity: GOOD unless it fires. told: what was
    notified last; told_at: when it was last notified as raised, in seconds since 1970."""

    seen: tuple[int, ...] = ()
    proven: tuple[int, ...] = ()
    severity: int = GOOD
    told: int = GOOD
    told_at: float | None = None

    @property
    def pending(self) -> bool:
        """Whether some looks were bad, and not enough."""
        return self.severity == GOOD and any(self.proven)


def step(machine: Machine, sight: Sight | None, rules: Rules, time: float) -> Machine:
    """After one more look, at `time` (seconds since 1970). One without enough data is None: time has passed,
    and nothing else is known. `told` becomes what has to be notified now."""
    if sight is not None:
        kept = max(rules.of, rules.good)
        seen, proven = (*machine.seen, sight.seen)[-kept:], (*machine.proven, sight.proven)[-kept:]
        severity = max(_raised(proven, rules), _held(machine.severity, seen, rules))
        machine = replace(machine, seen=seen, proven=proven, severity=severity)
    return _tell(machine, rules, time)


def stopped(machine: Machine, time: float) -> Machine:
    """After its cause is no longer looked for: cleared, and nothing remembered but the cooldown."""
    return _tell(Machine(told=machine.told, told_at=machine.told_at), Rules(1, 1, 1, 0.0), time)


def _raised(proven: tuple[int, ...], rules: Rules) -> int:
    last = sorted(proven[-rules.of :], reverse=True)
    return min(last[rules.bad - 1] if len(last) >= rules.bad else GOOD, proven[-1])


def _held(severity: int, seen: tuple[int, ...], rules: Rules) -> int:
    if len(seen) < rules.good:
        return severity
    return min(severity, max(seen[-rules.good :]))


def _tell(machine: Machine, rules: Rules, time: float) -> Machine:
    """A cooldown holds back that it was raised anew, and nothing else: graver, milder and cleared are told at
    once."""
    if machine.severity == machine.told:
        return machine
    anew = machine.told == GOOD
    if anew and machine.told_at is not None and time < machine.told_at + rules.cooldown:
        return machine
    return replace(machine, told=machine.severity, told_at=time if anew else machine.told_at)


def event_of(before: int, after: int) -> str:
    """What a change from one told level to another is called; empty for none.

    >>> event_of(GOOD, ALERT), event_of(WARNING, ALERT), event_of(ALERT, WARNING), event_of(ALERT, GOOD)
    ('firing', 'escalated', 'deescalated', 'resolved')
    """
    if before == after:
        return ""
    if before == GOOD:
        return "firing"
    if after == GOOD:
        return "resolved"
    return "escalated" if after > before else "deescalated"
