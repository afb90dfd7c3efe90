"""A column that no variant of a router reads is said in the reply; one that any of them reads is not."""

from typing import Any

import pytest
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.strategy_pb2 import EnsembleStrategy

from services.router.deciding.columns import Columns, columns_of
from tests.router.conftest import BAYES, Desk, doctors


def model(*names: str, **about: Any) -> Model:
    return Model(signature={"features": [{"name": name, **about} for name in names]})


def row(**values: Any) -> Input:
    given = Input()
    given.row.update(values)
    return given


def tabular(*missing: str, **values: float) -> Input:
    return Input(tabular={"numeric_features": values, "missing": missing})


SAME = columns_of([model("a", "b"), model("b", "a")])
TOGETHER = columns_of([model("a", "b"), model("c")])
NULLABLE = columns_of([model("a", "b", nullable=True)] * 2)


@pytest.mark.parametrize("columns", [SAME, TOGETHER, NULLABLE], ids=["same", "together", "nullable"])
@pytest.mark.parametrize("given", [row(a=1, b="x"), tabular(a=1, b=2), tabular("b", a=1)])
def test_a_record_of_known_columns_is_not_remarked_on(columns: Columns, given: Input) -> None:
    assert columns.warning(given) == ""


@pytest.mark.parametrize("columns", [SAME, TOGETHER, NULLABLE], ids=["same", "together", "nullable"])
@pytest.mark.parametrize("given", [row(a=1, b="x", z=[1]), tabular(a=1, b=2, z=3), tabular("z", a=1, b=2)])
def test_a_column_that_nobody_reads_is_named(columns: Columns, given: Input) -> None:
    assert columns.warning(given) == "ignored, since no variant of this router reads it: 'z'"


def test_a_stranger_in_the_place_of_an_optional_column_is_named() -> None:
    assert "'z'" in NULLABLE.warning(row(a=1, z=2))
    defaulted = columns_of([Model(signature={"features": [{"name": "a", "default": {"number_value": 1}}]})])
    assert "'z'" in defaulted.warning(row(z=2))


def test_a_stranger_in_the_place_of_another_variants_column_is_named() -> None:
    assert "'z'" in columns_of([model("a", "b"), model("a")]).warning(tabular(a=1, z=2))


def test_of_another_table_a_few_names_are_told() -> None:
    strangers = {f"{'z' * 50}{number}": 1.0 for number in range(8)}
    told = SAME.warning(tabular(a=1, b=2, **strangers))
    assert told.endswith(" and 3 more")
    assert len(told) < 300


def test_what_is_no_record_has_no_columns() -> None:
    assert SAME.warning(Input(text="hello")) == ""
    assert columns_of([model(), model()]).warning(row(a=1)) == ""


async def test_the_reply_names_what_was_ignored(desk: Desk) -> None:
    await desk.deploy("cancer", doctors())
    assert list((await desk.predict("cancer")).manifest.warnings) == []
    for variant in ("cancer-bayes", "cancer-stump"):
        reply = await desk.predict("cancer", {**BAYES, "mean radios": 12.0}, variant=variant)
        told = "ignored, since no variant of this router reads it: 'mean radios'"
        assert list(reply.manifest.warnings) == [told]
        assert not reply.manifest.degraded


def steps(*templates: str) -> EnsembleStrategy:
    """A graph of steps that are asked with these templates; an empty one passes the request on."""
    made = EnsembleStrategy()
    for place, template in enumerate(templates):
        made.specialists.steps.add(name=f"step-{place}", template=template)
    return made


def test_a_template_reads_what_it_quotes() -> None:
    models = [model("a", "b"), Model()]
    assert columns_of(models, steps("", "Look at {input} and {step-0}")).warning(row(a=1, b=2, z=3)) == ""
    named = columns_of(models, steps("", "Is {input.z} much?"))
    assert named.warning(row(a=1, b=2, z=3)) == ""
    assert named.warning(row(a=1, b=2, y=3)) == "ignored, since no variant of this router reads it: 'y'"
    assert columns_of([model("a")], steps("{input.z}")).warning(row(y=1, z=2)).endswith("'y'")
    assert columns_of([Model()], steps("{input.z}")).warning(row(y=1)) == ""
