"""What was compiled of conditions, kept: the same text over the same names is the same object.

Whatever somebody holds (the rules of routers that serve) is found again for as long as it is held, whoever
else comes; what nobody holds, as drafts and explanations make it, only among the last MOST_RECENT.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from services.router.conditions.compiling import Condition
from services.router.conditions.values import Valued

T = TypeVar("T", Condition, Valued)

# Twice the conditions that a router may have, and some: what is written is compiled before it is loaded.
MOST_RECENT = 1024


class Kept(Generic[T]):
    """Made things by their keys."""

    def __init__(self, most: int = MOST_RECENT) -> None:
        self._most = most
        self._alive: WeakValueDictionary[Hashable, T] = WeakValueDictionary()
        self._recent: OrderedDict[Hashable, T] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._alive

    def of(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made of the key, or is made now. Raises what `make` raises."""
        found = self._alive.get(key)
        if found is None:
            found = self._alive[key] = make()
        self._recent[key] = found
        self._recent.move_to_end(key)
        if len(self._recent) > self._most:
            self._recent.popitem(last=False)
        return found


@lru_cache(1)
def conditions() -> Kept[Condition]:
    """Those of this process: pure, so that nobody can tell who compiled them."""
    return Kept()


@lru_cache(1)
def values() -> Kept[Valued]:
    """The same of expressions of segments."""
    return Kept()
