"""One model under observation: what is counted of it, and where it stands."""

from services.router.health.outcomes import patience
from services.router.health.probe import Probe
from services.router.health.rules import Rules
from services.router.health.standing import Standing
from services.router.health.tally import Tally, together


class Watch:
    """`running` counts the interval that began at `since` (monotonic seconds), `last` is the one before.

    patient: seconds of silence that are its own fault. retry: when this replica may ask for the probe.
    """

    __slots__ = (
        *("last", "name", "patient", "probe", "retry", "rules", "running", "since", "standing", "streak"),
        "uid",
    )

    def __init__(self, name: str, uid: str, rules: Rules, now: float) -> None:
        self.name = name
        self.uid = uid
        self.standing = Standing()
        self.probe: Probe | None = None
        self.retry = now
        self.hold_to(rules)
        self.start_anew(now)

    def hold_to(self, rules: Rules) -> None:
        """Judge it by these from now on."""
        self.rules = rules
        self.patient = patience(rules.timeout, None)

    def start_anew(self, now: float) -> None:
        """What was seen before does not count: it is another model now, or has recovered."""
        self.streak = 0
        self.running, self.last = Tally(), Tally()
        self.since = now

    def begin(self, now: float) -> None:
        """The first call of an interval: intervals without calls do not count, nor do those before them."""
        if now - self.since >= self.rules.interval:
            self.last = Tally()
        self.since = now

    def turn(self, now: float) -> Tally:
        """End the interval; returns it."""
        ended = self.last = self.running
        self.running, self.since = Tally(), now
        if ended.latencies:
            self.patient = patience(self.rules.timeout, ended.p95)
        return ended

    def lately(self, now: float) -> Tally:
        """The interval that runs and the one before: what a peer is compared with. Without calls for two
        intervals it is no comparison."""
        idle = now - self.since >= 2 * self.rules.interval
        return Tally() if idle else together((self.last, self.running))

    def half_open(self, now: float) -> bool:
        """Whether its time out of service is over, and only a probe is missing."""
        return self.standing.out and now >= self.standing.until
