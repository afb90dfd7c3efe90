"""How many cases a test of drawn cases draws: some in `make test`, all in `make thorough`."""

import os

THOROUGH = "THOROUGH" in os.environ


def cases(some: int, all_: int) -> int:
    """So many. Seeds begin at 0 either way: what `make test` draws is a part of the whole."""
    return all_ if THOROUGH else some
