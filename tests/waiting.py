"""Waiting for what another process does, without sleeping blindly."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(check: Callable[[], Awaitable[T]], *, within: float = 30.0) -> T: ...
@overload
async def eventually(check: Callable[[], T], *, within: float = 30.0) -> T: ...
async def eventually(check: Callable[[], T | Awaitable[T]], *, within: float = 30.0) -> T:
    """The first true value of `check` (sync or async), polled until `within` seconds have passed.

    An AssertionError in `check` counts as "not yet"; the last one is raised when the time is up.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    said: AssertionError | None = None
    while True:
        try:
            value = check()
            found = await value if inspect.isawaitable(value) else value
            if found:
                return found
        except AssertionError as not_yet:
            said = not_yet
        if loop.time() > deadline:
            raise said or AssertionError(f"{check} was not true within {within:g} s")
        await asyncio.sleep(0.02)
