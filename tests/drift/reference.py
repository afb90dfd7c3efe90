"""The reference cases of data/reference.json: inputs inline or as seeded recipes, values from scipy."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """One case: `kind` is counts, numeric or categorical; `values` are what scipy gives."""

    id: str
    kind: str
    reference: list[Any]
    current: list[Any]
    values: dict[str, Any]


def load() -> list[Case]:
    """Every case, its inputs checked against their hashes."""
    text = (Path(__file__).parent / "data" / "reference.json").read_text()
    return [_case(raw) for raw in json.loads(text)["cases"]]


def _case(raw: dict[str, Any]) -> Case:
    if "ref" in raw:
        sides = [[_number(value) for value in raw[side]] for side in ("ref", "cur")]
    else:
        rng = np.random.default_rng(raw["seed"])
        arrays = [_evaluate(raw[f"{side}_recipe"], rng) for side in ("ref", "cur")]
        for side, array in zip(("ref", "cur"), arrays, strict=True):
            if raw["kind"] == "numeric":
                digest = hashlib.sha256(array.astype("<f8").tobytes()).hexdigest()
                assert digest[:16] == raw[f"sha256_16_{side}"], f"{raw['id']}: numpy draws other numbers now"
        sides = [array.tolist() for array in arrays]
        if raw["kind"] == "categorical":
            sides = [[f"c{value}" for value in side] for side in sides]
    return Case(raw["id"], raw["kind"], sides[0], sides[1], raw["values"])


def _evaluate(recipe: str, rng: Generator) -> NDArray[Any]:
    # A numpy expression over R from a file of ours; the case's hash checks what came of it.
    return np.asarray(eval(recipe, {"np": np, "R": rng}))  # noqa: S307


def _number(value: Any) -> Any:
    return {"inf": np.inf, "-inf": -np.inf}.get(value, value) if isinstance(value, str) else value
