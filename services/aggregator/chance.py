"""Chance without a generator: drawn from the prediction's id, so that it can be drawn again."""

from hashlib import blake2b


def unit(seed: str, purpose: str) -> float:
    """A number in [0, 1), uniform over seeds; each purpose has a draw of its own."""
    digest = blake2b(seed.encode(), digest_size=8, person=purpose.encode()[:16]).digest()
    # 53 bits, as many as a float holds below 1: all 64 would round up to 1 now and then.
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def shuffled(count: int, seed: str) -> list[int]:
    """An order of 0 to count - 1, each as likely as another over seeds."""
    return sorted(range(count), key=lambda place: unit(seed, f"order {place}"))
