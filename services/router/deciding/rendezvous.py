"""Weighted rendezvous hashing: the same entity gets the same variant, and a changed share moves only what it
must."""

import math
from collections.abc import Sequence
from hashlib import blake2b

from services.router.strategies.state import Allocation

# 53 bits: every hash is a double exactly, and (hash + 1/2) / 2^53 lies strictly between 0 and 1.
BITS = 53
_SHIFT, _STEP = 64 - BITS, 2.0**-BITS


def key_of(salt: str) -> bytes:
    """The salt, made ready to hash entities with."""
    return blake2b(salt.encode(), digest_size=32).digest()


def unit_hash(entity_id: str, key: bytes) -> str:
    """The entity under a salt's key, as 16 hex digits: what a manifest keeps instead of the id."""
    return blake2b(entity_id.encode(), key=key, digest_size=8).hexdigest()


def keyed(variants: Sequence[str]) -> Sequence[bytes]:
    """The variants, made ready to be hashed with a unit."""
    return [blake2b(variant.encode(), digest_size=16).digest() for variant in variants]


def pick(unit: str, variants: Sequence[bytes], allocation: Allocation) -> int:
    """Index of the variant with the least -ln(u_i) / p_i, where u_i hashes unit and variant into (0, 1).

    Each variant is picked with its probability p_i exactly, over entities; when p_i grows, entities move to i
    only, and when it falls, away from i only. Highest random weight hashing, Thaler and Ravishankar (1998);
    the weighted form is that of Schindelhauer and Schomaker (2005).
    """
    seed = bytes.fromhex(unit)
    best, least = -1, math.inf
    for place, share in enumerate(allocation):
        if share <= 0:
            continue
        drawn = int.from_bytes(blake2b(seed + variants[place], digest_size=8).digest(), "big") >> _SHIFT
        distance = -math.log((drawn + 0.5) * _STEP) / share
        if distance < least:
            best, least = place, distance
    return best
