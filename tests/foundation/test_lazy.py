"""Values that are found once: of each instance its own, also of frozen ones."""

import doctest
from dataclasses import dataclass

import pytest

from services.foundation import lazy as module
from services.foundation.lazy import lazy


@dataclass(frozen=True)
class Sides:
    """A rectangle that counts how often its area was found."""

    width: int
    height: int
    found: list[int]

    @lazy
    def area(self) -> int:
        """Width times height."""
        self.found.append(1)
        return self.width * self.height


def test_examples() -> None:
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def test_each_instance_has_its_own_and_finds_it_once() -> None:
    one, other = Sides(2, 3, []), Sides(4, 5, [])
    assert [one.area, other.area, one.area] == [6, 20, 6]
    assert one.found == other.found == [1]
    assert Sides.area.__doc__ == "Width times height."


def test_what_cannot_be_found_is_looked_for_again() -> None:
    known: list[int] = []

    class Late:
        @lazy
        def first(self) -> int:
            return known[0]

    late = Late()
    with pytest.raises(IndexError):
        _ = late.first
    known.append(7)
    assert late.first == 7
