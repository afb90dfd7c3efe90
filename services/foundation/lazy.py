"""A value that is found when it is first asked for, and kept."""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class lazy(Generic[T_co]):  # noqa: N801 - used as a decorator, like property
    """What functools.cached_property is since Python 3.12: without a lock, which takes four times as long as
    all the rest. Two threads that ask at once may both find it.

    >>> class Word(str):
    ...     @lazy
    ...     def size(self) -> int:
    ...         print("measured")
    ...         return len(self)
    >>> word = Word("points")
    >>> word.size, word.size
    measured
    (6, 6)
    """

    def __init__(self, find: Callable[[Any], T_co]) -> None:
        self._find = find
        self._name = find.__name__
        self.__doc__ = find.__doc__

    @overload
    def __get__(self, owner: None, kind: type[Any]) -> Self: ...
    @overload
    def __get__(self, owner: object, kind: type[Any]) -> T_co: ...
    def __get__(self, owner: Any, kind: type[Any]) -> Any:
        if owner is None:
            return self
        # Not a data descriptor: what the instance has of this name is found before it.
        found = owner.__dict__[self._name] = self._find(owner)
        return found
