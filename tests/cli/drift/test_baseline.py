"""`turnout drift baseline` as people type it, with real files, against a running service."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from turnout.router.v1.model_pb2 import Model

from tests.cli.drift.conftest import Terminal

RNG = np.random.default_rng(35)
ROWS = 300
TABLE: dict[str, list[Any]] = {
    "customer age": RNG.integers(18, 90, ROWS).tolist(),
    "amount": RNG.lognormal(3, 1, ROWS).round(2).tolist(),
    "region": RNG.choice(["eu", "us"], ROWS).tolist(),
    "answer": RNG.choice(["churn", "stay"], ROWS).tolist(),
    "note": ["x" * 300] * ROWS,
}


@pytest.fixture
def training(terminal: Terminal) -> Path:
    """A training set, as CSV and as Parquet, where the person is."""
    path = terminal.directory / "train.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TABLE)
        writer.writerows(zip(*TABLE.values(), strict=True))
    parquet.write_table(pa.table(TABLE), path.with_suffix(".parquet"))
    return path


@pytest.mark.parametrize("name", ["train.csv", "train.parquet"])
async def test_a_training_set_becomes_the_active_baseline(
    terminal: Terminal, model: Model, training: Path, name: str
) -> None:
    told = await terminal.drift("baseline", name, "-m", "churn", "--id", "july", "-s", "region")
    assert told.code == 0, told
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert any(line.startswith("amount numeric 0") for line in lines)
    assert any(line.startswith("region left out it is a segment") for line in lines)
    assert lines[-1] == "models/churn/baselines/july: 300 rows, active"
    assert any(line.startswith("region = eu") and line.endswith("july-s1") for line in lines)
    listed = json.loads((await terminal.drift("baselines", "churn", "-o", "json")).out)
    assert sorted(one["name"].rpartition("/")[2] for one in listed) == ["july", "july-s1", "july-s2"]
    assert all(one["active"] for one in listed)


async def test_the_options_arrive(terminal: Terminal, model: Model, training: Path) -> None:
    options = [
        *("--rename", "customer age=age", "--kind", "age=categorical", "--prediction", "answer"),
        *("--score", "amount", "-f", "age", "--importance", "age=2.5", "--description", "of July"),
        *("--no-activate", "--counted", "-o", "json"),
    ]
    told = await terminal.drift("baseline", "train.csv", "-m", "churn", *options)
    made = json.loads(told.out)["baseline"]
    features = {one["name"]: one for one in made["features"]}
    assert sorted(features) == ["age", "amount", "answer"]
    assert features["age"]["kind"] == "FEATURE_KIND_CATEGORICAL"
    assert features["age"]["importance"] == 2.5
    assert features["answer"]["role"] == "FEATURE_ROLE_PREDICTION"
    assert (made["description"], "active" in made, made["counted"]) == ("of July", False, True)


async def test_a_dry_run_shows_the_schema_and_makes_nothing(
    terminal: Terminal, model: Model, training: Path
) -> None:
    told = await terminal.drift("baseline", "train.csv", "-m", "churn", "--dry-run")
    words = " ".join(told.out.split())
    assert "customer age numeric 0 its first 300 values are numbers" in words
    assert "note left out it is text: a value has more than 256 characters" in words
    assert words.endswith("300 rows, nothing was made")
    assert json.loads((await terminal.drift("baselines", "churn", "-o", "json")).out) == []


async def test_a_file_may_come_through_a_pipe(terminal: Terminal, model: Model, training: Path) -> None:
    told = await terminal.shell("head -n 101 train.csv | turnout drift baseline - -m churn -o json")
    assert told.code == 0, told
    assert json.loads(told.out)["baseline"]["rows"] == "100"


async def test_a_bar_shows_how_far_it_is_where_somebody_looks(
    terminal: Terminal, model: Model, training: Path
) -> None:
    told = await terminal.drift("baseline", "train.csv", "-m", "churn", "-o", "json", TTY_COMPATIBLE="1")
    assert "sending" in told.wrong
    assert "counting" in told.wrong
    assert json.loads(told.out)["rows"] == "300"
    quiet = await terminal.drift("baseline", "train.csv", "-m", "churn")
    assert quiet.wrong == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing.csv", "-m", "churn"], 2, "there is no nothing.csv"),
        ([".", "-m", "churn"], 2, "is a directory"),
        (["train.csv", "-m", "nobody"], 1, "MODEL_NOT_FOUND"),
        (["train.csv", "-m", "churn", "--kind", "amount"], 2, "write NAME=VALUE"),
        (["train.csv", "-m", "churn", "--kind", "amount=number"], 2, "write one of numeric, categorical"),
        (["train.csv", "-m", "churn", "--importance", "amount=much"], 2, "'much' is no number"),
        (["train.csv", "-m", "churn", "-f", "height"], 1, "'height' is no column of the file, which has"),
        (["train.csv", "-m", "churn", "--format", "json"], 1, "line 1: is no JSON array"),
        (["train.csv"], 2, "--model"),
    ],
)
async def test_what_is_wrong_is_told_in_words(
    terminal: Terminal, model: Model, training: Path, words: list[str], code: int, said: str
) -> None:
    told = await terminal.drift("baseline", *words)
    assert told.code == code, told
    assert said in " ".join(told.wrong.replace("│", " ").split())
    assert "Traceback" not in told.wrong
