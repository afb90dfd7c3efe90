"""The table that drift is measured on: 20 numeric and 5 categorical columns, a reference and a current part.

Written once as arrays, so that every party reads the same and none pays for making it.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NUMERIC = tuple(f"number_{index:02}" for index in range(20))
CATEGORICAL = tuple(f"category_{index}" for index in range(5))
# Distinct names per category: what plans, countries and shops have.
KINDS = (3, 8, 20, 60, 200)
PARTS = ("reference", "current")
# Every fifth column of the current part has moved, by that many deviations.
SHIFT = 0.5


def write(folder: Path, rows: int, seed: int = 1) -> None:
    """Both parts, of `rows` rows each, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, part in enumerate(PARTS):
        rng = np.random.default_rng([seed, place])
        for index, name in enumerate(NUMERIC):
            moved = SHIFT if part == "current" and index % 5 == 0 else 0.0
            np.save(folder / f"{part}.{name}.npy", _numbers(rng, index, rows, moved))
        for name, kinds in zip(CATEGORICAL, KINDS, strict=True):
            weights = 1 / np.arange(1, kinds + 1)
            codes = rng.choice(kinds, size=rows, p=weights / weights.sum())
            np.save(folder / f"{part}.{name}.npy", codes.astype(np.int16))


def _numbers(rng: np.random.Generator, index: int, rows: int, moved: float) -> NDArray[np.float64]:
    """A column: bell-shaped, skewed, flat, or of whole numbers, in turn."""
    bell = rng.normal(moved, 1, rows)
    if index % 4 == 1:
        return np.exp(bell)
    if index % 4 == 2:
        return rng.random(rows) + moved / 3
    if index % 4 == 3:
        return np.round(bell * 20 + 100)
    return bell


def numbers(folder: Path, part: str, name: str) -> NDArray[np.float64]:
    """A numeric column of a part."""
    return np.asarray(np.load(folder / f"{part}.{name}.npy"), dtype=np.float64)


def codes(folder: Path, part: str, name: str) -> NDArray[np.int16]:
    """A categorical column of a part, as places in its names."""
    return np.asarray(np.load(folder / f"{part}.{name}.npy"), dtype=np.int16)


def names(category: str) -> list[str]:
    """What the places of a categorical column stand for."""
    return [f"kind {place}" for place in range(KINDS[CATEGORICAL.index(category)])]
