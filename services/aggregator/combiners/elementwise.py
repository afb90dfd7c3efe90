"""Tensors and embeddings, element by element: equal names, shapes and types, or a word about which differ."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.aggregator.answers import Ballot, Flags, Floats, Tensors, Vectors
from services.aggregator.combiners.panel import answers
from services.aggregator.errors import CannotCombine

# [members, ...] and weights of the same shape, or one that broadcasts to it, to [...].
Reduce = Callable[[Floats, Floats], Floats]


def mean(values: Floats, weights: Floats) -> Floats:
    """The weighted mean over the members."""
    return np.asarray((values * weights).sum(axis=0))


def combine_tensors(ballots: Sequence[Ballot], weights: Floats, method: str, reduce: Reduce) -> Tensors:
    """Each tensor under `weights` [members, 1], in the type that the members gave it."""
    panel = [answer.tensors for answer in answers(ballots, Tensors)]
    _check_names(ballots, panel)
    return Tensors({name: _combined(ballots, panel, name, weights, method, reduce) for name in panel[0]})


def combine_vectors(ballots: Sequence[Ballot], weights: Floats) -> Vectors:
    """The weighted mean of each row's embeddings; not of length 1, even if all of them were."""
    panel = answers(ballots, Vectors)
    check_dimensions(ballots, panel)
    return Vectors(mean(np.stack([answer.values for answer in panel]), weights[..., np.newaxis]))


def check_dimensions(ballots: Sequence[Ballot], panel: Sequence[Vectors]) -> None:
    """Raise CannotCombine, naming the members, unless all embeddings have one dimension."""
    if len({answer.values.shape[1] for answer in panel}) > 1:
        said = _each(ballots, [answer.values.shape[1] for answer in panel])
        raise CannotCombine(f"members answered with embeddings of different dimensions: {said}", shapes=said)


def _check_names(ballots: Sequence[Ballot], panel: Sequence[Mapping[str, NDArray[Any]]]) -> None:
    if len({frozenset(tensors) for tensors in panel}) > 1:
        said = _each(ballots, ["[" + ", ".join(sorted(tensors)) + "]" for tensors in panel])
        raise CannotCombine(f"members answered with tensors of different names: {said}", names=said)


def _combined(
    ballots: Sequence[Ballot],
    panel: Sequence[Mapping[str, NDArray[Any]]],
    name: str,
    weights: Floats,
    method: str,
    reduce: Reduce,
) -> NDArray[Any]:
    given = [tensors[name] for tensors in panel]
    for what, found in (
        ("shapes", [each.shape for each in given]),
        ("types", [each.dtype for each in given]),
    ):
        if len(set(found)) > 1:
            said = _each(ballots, [list(each) if isinstance(each, tuple) else each for each in found])
            raise CannotCombine(f"members answered tensor '{name}' in different {what}: {said}", tensor=name)
    kind = given[0].dtype
    if kind.kind != "f":
        # The mean of class numbers, flags or texts is none of these: a signature says what they mean.
        said = f"{method} takes tensors of floating-point numbers, and '{name}' has {kind}"
        raise CannotCombine(
            f"{said}; declare the models' outputs in their signatures, or use max_confidence", tensor=name
        )
    stacked = np.stack(given).astype(np.float64)
    sound: Flags = np.asarray(np.isfinite(stacked).reshape(len(given), -1).all(axis=1))
    if not sound.all():
        named = ", ".join(ballot.member for ballot, fine in zip(ballots, sound, strict=True) if not fine)
        raise CannotCombine(f"finite numbers expected; tensor '{name}' of {named} has others", members=named)
    spread = weights[:, 0].reshape(-1, *([1] * given[0].ndim))
    return np.asarray(reduce(stacked, spread)).astype(kind)


def _each(ballots: Sequence[Ballot], found: Sequence[object]) -> str:
    return ", ".join(f"{ballot.member} {each}" for ballot, each in zip(ballots, found, strict=True))
