"""The one request that tries an ejected model."""

from collections.abc import Callable

# What passes at the most between looking whether a request may be the probe, and taking it.
DECIDING_SECONDS = 0.1


class Probe:
    """Permission for one request at a time to reach a model that is ejected, for as long as a lease lasts.

    Ask `free` and `take()` without awaiting anything in between; whoever took it must say `done`. On the
    clock `now`, no request may start after `closes`, so that none is under way when the lease `ends`. `open`
    says whether anything may still come of it.
    """

    __slots__ = ("_closes", "_ends", "_now", "_on_done", "_taken", "model", "open")

    def __init__(
        self,
        model: str,
        closes: float,
        ends: float,
        now: Callable[[], float],
        on_done: Callable[["Probe", bool], None],
    ) -> None:
        self.model = model
        self.open = True
        self._closes = closes
        self._ends = ends
        self._now = now
        self._on_done = on_done
        self._taken = False

    @property
    def free(self) -> bool:
        """Whether a request may be the probe now."""
        return self.open and not self._taken and self._now() < self._closes - DECIDING_SECONDS

    @property
    def over(self) -> bool:
        """Whether nothing can come of it any more, and its lease may go to others."""
        now = self._now()
        return now >= self._ends or (not self._taken and (not self.open or now >= self._closes))

    def take(self) -> bool:
        """This request is the probe. False if it may not be."""
        if not self.open or self._taken or self._now() >= self._closes:
            return False
        self._taken = True
        return True

    def done(self, ok: bool | None) -> None:
        """What came of it: an answer, a failure, or (None) nothing that says anything, and the next one may
        try."""
        if not self._taken:
            return
        self._taken = False
        if ok is not None and self.open:
            self.open = False
            self._on_done(self, ok)

    def close(self) -> None:
        """No request may take it from now on; one that has goes on."""
        self.open = False
