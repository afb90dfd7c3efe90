"""What every claim says of itself."""

from typing import NamedTuple


class Claim(NamedTuple):
    """Whether it held, and a sentence with the numbers that it held or failed by."""

    held: bool
    said: str
