"""Rules compiled before a plan needs them: two hundred take a tenth of a second, and predictions go on."""

import asyncio
import time
from collections.abc import Callable, Iterator

from turnout.router.v1.router_pb2 import Router

# Nothing that happens beside predictions holds them up for longer at a time.
SLICE_SECONDS = 0.002


class Readying:
    """Routers whose new rules are being compiled, by name. Each is handed on once they are; until then it
    serves as it did."""

    def __init__(self, hand_on: Callable[[Router, bool], None]) -> None:
        # What compiles the rules of a router step by step; the steps' parts are to be held until the end.
        self.ahead: Callable[[Router], Iterator[object]] = lambda _: iter(())
        self._hand_on = hand_on
        self._waiting: dict[str, tuple[Router, bool, Iterator[object], list[object]]] = {}
        self._scheduled = False

    def __contains__(self, name: str) -> bool:
        return name in self._waiting

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self, router: Router, prove: bool) -> bool:
        """Begin with a router; False where there is nothing to compile, and it need not wait."""
        steps = self.ahead(router)
        first = next(steps, None)
        if first is None:
            self.drop(router.name)
            return False
        self._waiting[router.name] = router, prove, steps, [first]
        self._go_on()
        return True

    def drop(self, name: str) -> None:
        """The router is gone, or has changed again."""
        self._waiting.pop(name, None)

    def hurry(self, name: str) -> None:
        """Hand the router on as it is: somebody asks for it, and nothing else can answer."""
        router, prove, _, _ = self._waiting.pop(name)
        self._hand_on(router, prove)

    def _go_on(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._slice)

    def _slice(self) -> None:
        self._scheduled = False
        until = time.perf_counter() + SLICE_SECONDS
        while self._waiting:
            name, (router, prove, steps, held) = next(iter(self._waiting.items()))
            made = next(steps, None)
            if made is None:
                del self._waiting[name]
                self._hand_on(router, prove)
            else:
                held.append(made)
            if time.perf_counter() > until:
                break
        if self._waiting:
            self._go_on()


async def in_slices(steps: Iterator[object]) -> None:
    """Take all steps, with a pause for the others wherever a slice is over. What they made is held until
    then, and after that among the recent (see conditions.keeping)."""
    held: list[object] = []
    since = time.perf_counter()
    for made in steps:
        held.append(made)
        if time.perf_counter() - since > SLICE_SECONDS:
            await asyncio.sleep(0)
            since = time.perf_counter()
