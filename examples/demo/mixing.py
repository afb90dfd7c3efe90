"""Labels in another order: what the story tells when it is played without truth."""

import random
from collections.abc import Sequence

from examples.demo.cast import CAST
from examples.demo.evidence import Answer


def mixed(answers: Sequence[Answer], rng: random.Random) -> list[str]:
    """The answers' labels, tumours mixed among tumours and digits among digits: of another task's label the
    suite would rightly say that it is none of its classes."""
    pools: dict[bool, list[str]] = {True: [], False: []}
    for answer in answers:
        pools[answer.router == CAST.split].append(answer.truth)
    for pool in pools.values():
        rng.shuffle(pool)
    return [pools[answer.router == CAST.split].pop() for answer in answers]
