"""Faults on command: how a healthy model server is made to misbehave."""

import asyncio
import random
from typing import Any, Literal, get_args

import grpc
import numpy as np
from numpy.typing import NDArray

Mode = Literal["ok", "hang", "fail", "degrade", "slow"]
MODES: tuple[str, ...] = get_args(Mode)


class Faults:
    """What the server does to its calls.

    `hang` answers nobody until the mode changes; `fail` refuses with `code`; `slow` waits `seconds` first;
    `degrade` gives a share `probability` of rows to a wrong class, drawn from `seed`.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.set("ok")

    def set(
        self,
        mode: str,
        *,
        code: str = "UNAVAILABLE",
        seconds: float = 0.2,
        probability: float = 0.5,
        seed: int = 0,
    ) -> None:
        """Change the mode from the next call on; calls that hang are let go. Raises ValueError."""
        if mode not in MODES:
            raise ValueError(f"mode: one of {', '.join(MODES)} expected, got {mode!r}")
        if code not in grpc.StatusCode.__members__:
            raise ValueError(f"code: the name of a gRPC status expected, got {code!r}")
        if not 0 <= probability <= 1 or seconds < 0:
            raise ValueError("probability: 0 to 1 expected; seconds: 0 or more")
        self.mode = mode
        self._code = grpc.StatusCode[code]
        self._seconds = seconds
        self._probability = probability
        self._rng = random.Random(seed)
        # A new event for the next who hang; those who wait on the old one go free.
        self._changed.set()
        self._changed = asyncio.Event()

    async def strike(self, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        """What happens before a call is answered. A client that gives up cancels it."""
        if self.mode == "hang":
            await self._changed.wait()
        elif self.mode == "slow":
            await asyncio.sleep(self._seconds)
        elif self.mode == "fail":
            await context.abort(self._code, "told to fail")

    def spoil(self, chances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores [rows, classes] as a degraded model gives them: where the draw says so, the winner changes
        places with another class, and is as sure of itself as before."""
        if self.mode != "degrade":
            return chances
        spoilt = chances.copy()
        rows, classes = chances.shape
        for row in range(rows):
            if self._rng.random() < self._probability:
                winner = int(chances[row].argmax())
                other = (winner + self._rng.randrange(1, classes)) % classes
                spoilt[row, [winner, other]] = chances[row, [other, winner]]
        return spoilt
