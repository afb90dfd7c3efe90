"""What this replica knows of its models' health: counted here, and heard from others."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from services.foundation.metrics import Metrics
from services.router.health import INTERVAL_JUDGES, consecutive
from services.router.health.outcomes import verdict
from services.router.health.probe import Probe
from services.router.health.rules import Rules
from services.router.health.standing import Standing, cleared, ejected, merged
from services.router.health.tally import Tally
from services.router.health.view import EVERYBODY_WELL, HealthView, Out
from services.router.health.watch import Watch
from services.state.ejections import Entry

# A second's difference of an expiry is not worth compiling every router of the model again.
NOTEWORTHY_SECONDS = 1.0

OnChange = Callable[[Iterable[str]], None]


class HealthBoard:
    """Nothing here awaits: `note` is on the way of every prediction, and what there is to send waits for
    `sharing`, which `on_work` wakes. `now` is monotonic; the wall clock is read once, and from then on only
    Redis' is, when it is heard.

    `peers(model)` are the other models of the routers that a model serves in, and `serves(model)` says
    whether any of these is running. out: watches of ejected models; unsent: of those that Redis is still to
    hear of; lent: of those that this replica holds the probe of.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.now = now
        self.peers: Callable[[str], Iterable[str]] = lambda _: ()
        self.serves: Callable[[str], bool] = lambda _: True
        self.on_work: Callable[[], None] = lambda: None
        self.view: HealthView = EVERYBODY_WELL
        self.out: dict[str, Watch] = {}
        self.unsent: dict[str, Watch] = {}
        self.lent: dict[str, Watch] = {}
        self._watches: dict[str, Watch] = {}
        self._by_uid: dict[str, Watch] = {}
        # Those with calls in their interval: a registry of many thousand models is not walked through.
        self._busy: dict[str, Watch] = {}
        self._metrics = metrics
        self._subscribers: list[OnChange] = []
        # Shared time less monotonic time, in seconds.
        self._offset = wall() - now()

    @property
    def ejected(self) -> Mapping[str, float]:
        """Seconds since 1970 until which each ejected model is out, by name."""
        return {name: out.until for name, out in self.view.out.items()}

    @property
    def version(self) -> int:
        """Grows with each change that this process learns of."""
        return self.view.version

    def age(self, watch: Watch) -> float:
        """Seconds since the model's ejection began."""
        return self.now() + self._offset - watch.standing.began / 1000

    def subscribe(self, callback: OnChange) -> None:
        """Call `callback` with the models whose ejection or probe begins or ends."""
        self._subscribers.append(callback)

    def probe(self, model: str) -> Probe | None:
        """The probe that this replica may make of an ejected model."""
        return self.view.probes.get(model)

    def hold(self, model: str, uid: str, rules: Rules) -> None:
        """A model is registered, or its rules have changed."""
        watch = self._watches.get(model)
        if watch is None or watch.uid != uid:
            if watch is not None:
                self.forget(model, watch.uid)
            watch = self._watches[model] = self._by_uid[uid] = Watch(model, uid, rules, self.now())
        watch.hold_to(rules)
        if not rules.enabled and watch.standing.out:
            self._clear(watch)

    def forget(self, model: str, uid: str) -> None:
        """A model is no longer registered; the name may be another's by now."""
        watch = self._watches.get(model)
        if watch is None or watch.uid != uid:
            return
        del self._watches[model], self._by_uid[uid]
        self._busy.pop(model, None)
        self.unsent.pop(model, None)
        self._metrics.model_ejected.remove(model)
        if watch.probe is not None:
            watch.probe.close()
        if self.out.pop(model, None) is not None:
            self._changed(model)

    def note(self, model: str, ok: bool, seconds: float) -> None:
        """A call of the model ended, with an answer or by its fault, after `seconds`."""
        watch = self._watches.get(model)
        if watch is None or not watch.rules.enabled:
            return
        if not watch.running.calls:
            watch.begin(self.now())
            self._busy[model] = watch
        watch.running.add(ok, seconds)
        if ok:
            watch.streak = 0
            return
        watch.streak += 1
        if not watch.standing.out and (why := consecutive.judge(watch.streak, watch.rules)):
            self._eject(watch, "consecutive_failures", why)

    def heard(
        self, model: str, outcome: str, code: str, seconds: float, probe: Probe | None = None
    ) -> bool | None:
        """The same for a participant's outcome, which may say nothing of the model; and the end of `probe`,
        if the call was one. Returns the `verdict`."""
        watch = self._watches.get(model)
        ok = verdict(outcome, code, seconds, watch.patient if watch is not None else 0.0)
        if ok is not None:
            self.note(model, ok, seconds)
        if probe is not None:
            probe.done(ok)
        return ok

    def tick(self) -> None:
        """End the intervals that are over, and judge them. Call it a few times a second."""
        now = self.now()
        for watch in [one for one in self._busy.values() if now - one.since >= one.rules.interval]:
            # First, as its peers' intervals may end with it: they are compared with the one that has ended.
            del self._busy[watch.name]
            tally = watch.turn(now)
            if not watch.standing.out and watch.rules.enabled:
                self._judge(watch, tally, now)

    def _judge(self, watch: Watch, tally: Tally, now: float) -> None:
        peers = [self._watches[name] for name in self.peers(watch.name) if name in self._watches]
        seen = [peer.lately(now) for peer in peers]
        for name, judge in INTERVAL_JUDGES.items():
            if why := judge(tally, seen, watch.rules):
                self._eject(watch, name, why)
                return

    def take_in(self, shared_ms: int, entries: Sequence[Entry]) -> None:
        """What Redis says at `shared_ms` of its clock."""
        now = self.now()
        self._offset = shared_ms / 1000 - now
        changed = []
        for told in entries:
            watch = self._by_uid.get(told.model_uid)
            if watch is not None and watch.rules.enabled and self._merge(watch, told, now):
                changed.append(watch.name)
        if changed:
            self._changed(*changed)

    def told(self, watch: Watch, standing: Standing) -> None:
        """Redis has heard of `standing`; if the model stands otherwise by now, it has yet to hear of that."""
        if (watch.standing.number, watch.standing.out) == (standing.number, standing.out):
            self.unsent.pop(watch.name, None)

    def lend(self, watch: Watch, closes: float, ends: float) -> None:
        """This replica has the lease until `ends` (monotonic): a request that comes before `closes` may be
        the probe."""
        watch.probe = Probe(watch.name, closes, ends, self.now, self._probed)
        self.lent[watch.uid] = watch
        self._changed(watch.name)

    def take_back(self, watch: Watch) -> None:
        """The lease is over."""
        if watch.probe is not None:
            watch.probe.close()
        watch.probe = None
        del self.lent[watch.uid]
        self._changed(watch.name)

    def _merge(self, watch: Watch, told: Entry, now: float) -> bool:
        before = watch.standing
        watch.standing = merged(before, told, now)
        if watch.standing is before:
            return False
        if watch.standing.number > before.number:
            # Ours is older, or is part of it.
            self.unsent.pop(watch.name, None)
        if before.out and not watch.standing.out:
            watch.start_anew(now)
        return self._noteworthy(before, watch.standing)

    def _noteworthy(self, before: Standing, after: Standing) -> bool:
        """Whether plans would look otherwise."""
        if before.out != after.out or abs(before.until - after.until) >= NOTEWORTHY_SECONDS:
            return True
        # Who began first matters where several are out.
        return before.began != after.began and len(self.out) > 1

    def _probed(self, probe: Probe, ok: bool) -> None:
        watch = self._watches.get(probe.model)
        # It may be another model of that name, or have been cleared or ejected anew by what others saw.
        if watch is None or watch.probe is not probe or not watch.standing.out:
            return
        if ok:
            self._clear(watch)
        elif watch.half_open(self.now()):
            self._eject(watch, "probe", "its probe failed")

    def _eject(self, watch: Watch, judge: str, reason: str) -> None:
        now = self.now()
        shared = (now + self._offset) * 1000
        watch.standing = ejected(watch.standing, watch.rules, reason, now, shared)
        self._metrics.model_ejections[watch.name, judge].inc()
        self._to_tell(watch)

    def _clear(self, watch: Watch) -> None:
        watch.standing = cleared(watch.standing, self.now())
        watch.start_anew(self.now())
        self._to_tell(watch)

    def _to_tell(self, watch: Watch) -> None:
        self.unsent[watch.name] = watch
        self._changed(watch.name)
        self.on_work()

    def _changed(self, *models: str) -> None:
        for model in models:
            watch = self._watches.get(model)
            if watch is not None:
                self._metrics.model_ejected[model].set(watch.standing.out)
                if watch.standing.out:
                    self.out[model] = watch
                else:
                    self.out.pop(model, None)
        self.view = self._seen()
        for callback in self._subscribers:
            callback(models)

    def _seen(self) -> HealthView:
        out = {
            name: Out(one.standing.began, one.standing.until + self._offset, one.standing.reason)
            for name, one in self.out.items()
        }
        probes = {
            name: one.probe for name, one in self.out.items() if one.probe is not None and one.probe.open
        }
        return HealthView(self.view.version + 1, out, probes)
