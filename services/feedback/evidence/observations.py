"""Decisions as arrays: what is kept of each, and which of a minute's are observations, in decision order."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from turnout.feedback.v1.evidence_pb2 import DecisionChunk, DecisionContext, SegmentSet

from services.feedback.evidence.plan import Watch

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]

# 36 bytes a decision: id (128 bits), hash of the unit, microseconds, rows, and places of its context, of its
# segments and of its arm within the context.
DECISION = np.dtype(
    [
        *(("id_high", "<u8"), ("id_low", "<u8"), ("unit", "<u8"), ("latency", "<u4")),
        *(("rows", "<u2"), ("context", "<u2"), ("segments", "<u2"), ("arm", "u1"), ("flags", "u1")),
    ]
)
# Flags: the drawn variant failed; the unit is an entity, which is remembered.
FAILED, ENTITY = 1, 2

# Decisions of a router that may wait for their labels, 36 bytes each; and bounds of a minute's own.
MOST_WAITING = 1_200_000
LEAST_A_MINUTE, MOST_A_MINUTE = 50, 20_000


class Observations(NamedTuple):
    """In decision order. packed: as they are kept. contexts, segments: what `packed` names by its place. arm:
    place in `Watch.arms`. shares: [n, arms], as logged."""

    packed: NDArray[np.void]
    contexts: Sequence[DecisionContext]
    segments: Sequence[Sequence[str]]
    arm: Places
    shares: Floats

    @property
    def failed(self) -> Flags:
        """Whether the drawn variant failed."""
        return np.asarray(self.packed["flags"] & FAILED > 0)

    @property
    def latency_ms(self) -> Floats:
        """Of the whole prediction."""
        return np.asarray(self.packed["latency"] / 1000.0)

    def only(self, which: Flags) -> "Observations":
        """Some of them."""
        return self._replace(packed=self.packed[which], arm=self.arm[which], shares=self.shares[which])

    def ids(self) -> list[str]:
        """Their prediction ids."""
        pairs = zip(self.packed["id_high"].tolist(), self.packed["id_low"].tolist(), strict=True)
        return [str(UUID(int=high << 64 | low)) for high, low in pairs]

    def times(self) -> Floats:
        """When they were made, in seconds since 1970, to the millisecond."""
        return np.asarray((self.packed["id_high"] >> np.uint64(16)) / 1000.0)


def a_minute(watch: Watch) -> int:
    """Decisions of a router that are kept of a minute, so that all that wait have room."""
    minutes = (watch.label_horizon + watch.settle) / 60 + 2
    return int(min(max(MOST_WAITING / minutes, LEAST_A_MINUTE), MOST_A_MINUTE))


def depth(units: Words) -> NDArray[np.int64]:
    """How many times over a unit outlives a draw of one half: zeros at the end of its hash, 64 for none."""
    lowest = units & (~units + np.uint64(1))
    return np.asarray(np.where(units == 0, 64, np.log2(np.maximum(lowest, 1)).astype(np.int64)))


def tally(depths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many there are of each depth, 0 to 64."""
    return np.bincount(depths, minlength=65)


def level_of(counts: NDArray[np.int64], most: int) -> int:
    """How often half of the units must be left out, so that at most `most` decisions remain.

    It depends on nothing but the decisions that there are: not on their order, nor on who counted them.
    """
    remaining = np.cumsum(counts[::-1])[::-1]
    return int(np.argmax(remaining <= most)) if (remaining <= most).any() else 64


def observations(chunks: Sequence[DecisionChunk], watch: Watch, generation: int) -> Observations:
    """The decisions of a minute between arms that are compared, in order, without those of generations before
    `generation` and those that left no choice."""
    packed, contexts, segments = _together(chunks)
    packed = packed[np.lexsort((packed["id_low"], packed["id_high"]))]
    places, shares = _tables(contexts, watch)
    context = packed["context"].astype(np.intp)
    arm = places[context, packed["arm"]] if len(contexts) else np.empty(0, np.intp)
    found = Observations(packed, contexts, segments, arm, shares[context])
    fair = (found.shares > 0.0).sum(axis=1) > 1
    recent = np.array([one.generation >= generation for one in contexts], bool)[context]
    return found.only((found.arm >= 0) & fair & recent)


def thinned(found: Observations, most: int) -> tuple[Observations, int]:
    """At most `most` of them, chosen by their units; and how many were left out."""
    depths = depth(found.packed["unit"])
    kept = depths >= level_of(tally(depths), most)
    return found.only(kept), int(len(kept) - kept.sum())


def firsts(found: Observations, known: Words) -> tuple[Flags, Words]:
    """Which are the first of their unit, and the entities that are new. known: of earlier minutes, sorted."""
    entity = (found.packed["flags"] & ENTITY) > 0
    units = found.packed["unit"]
    first = np.zeros(len(units), bool)
    first[np.unique(np.where(entity, units, 0), return_index=True)[1]] = True
    at = np.minimum(np.searchsorted(known, units), max(len(known) - 1, 0))
    met = known[at] == units if len(known) else np.zeros(len(units), bool)
    new = entity & first & ~met
    return new | ~entity, np.sort(units[new])


def packed_again(found: Observations) -> DecisionChunk:
    """Observations as they are kept until their labels come."""
    used = np.unique(found.packed["context"])
    sets = np.unique(found.packed["segments"])
    packed = found.packed.copy()
    packed["context"] = np.searchsorted(used, packed["context"])
    packed["segments"] = np.searchsorted(sets, packed["segments"])
    return DecisionChunk(
        contexts=[found.contexts[at] for at in used],
        segments=[SegmentSet(segments=found.segments[at]) for at in sets],
        decisions=packed.tobytes(),
    )


def unpacked(chunk: DecisionChunk) -> NDArray[np.void]:
    """The decisions of a chunk."""
    return np.frombuffer(chunk.decisions, DECISION)


def _together(
    chunks: Sequence[DecisionChunk],
) -> tuple[NDArray[np.void], list[DecisionContext], list[Sequence[str]]]:
    """Decisions of all chunks, which name one table of contexts and one of segments."""
    contexts: dict[bytes, int] = {}
    sets: dict[tuple[str, ...], int] = {}
    found: list[DecisionContext] = []
    parts = [np.empty(0, DECISION)]
    for chunk in chunks:
        packed = unpacked(chunk).copy()
        for one in chunk.contexts:
            if one.SerializeToString(deterministic=True) not in contexts:
                contexts[one.SerializeToString(deterministic=True)] = len(found)
                found.append(one)
        named = [contexts[one.SerializeToString(deterministic=True)] for one in chunk.contexts]
        told = [sets.setdefault(tuple(one.segments), len(sets)) for one in chunk.segments]
        packed["context"] = np.array(named, "<u2")[packed["context"]] if named else 0
        packed["segments"] = np.array(told, "<u2")[packed["segments"]] if told else 0
        parts.append(packed)
    return np.concatenate(parts), found, list(sets)


def _tables(contexts: Sequence[DecisionContext], watch: Watch) -> tuple[Places, Floats]:
    """By context: the place in the watch of each of its variants, -1 for others; and the shares of the arms
    that are compared, which sum to 1."""
    known = {arm: place for place, arm in enumerate(watch.arms)}
    widest = max((len(one.variants) for one in contexts), default=0)
    places = np.full((len(contexts), widest), -1, np.intp)
    shares = np.zeros((len(contexts), len(watch.arms)))
    for at, one in enumerate(contexts):
        for place, (variant, share) in enumerate(zip(one.variants, one.probabilities, strict=True)):
            if variant in known:
                places[at, place] = known[variant]
                shares[at, known[variant]] = share
    total = shares.sum(axis=1, keepdims=True)
    return places, np.divide(shares, total, out=shares, where=total > 0)
