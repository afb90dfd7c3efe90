"""What of a model's registration is written out."""

import pytest
from turnout.router.v1.model_pb2 import Model

from services.router.config.models import check_model, model_with_defaults
from services.router.config.problems import InvalidConfiguration


def test_a_cost_without_a_currency_is_in_dollars() -> None:
    model = Model(cost={"per_call": 0.5})
    model_with_defaults(model)
    assert model.cost.currency == "USD"
    model.cost.currency = "EUR"
    model_with_defaults(model)
    assert model.cost.currency == "EUR"


def test_an_unknown_cost_stays_absent() -> None:
    model = Model()
    model_with_defaults(model)
    assert not model.HasField("cost")
    assert model.outlier_detection.enabled


@pytest.mark.parametrize("currency", ["dollars", "usd", "US", "US$", "USDT", "USD\n"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    model = Model(name="models/a", cost={"per_call": 1, "currency": "JPY"})
    model_with_defaults(model)
    check_model(model)
    model.cost.currency = currency
    with pytest.raises(InvalidConfiguration, match="three capital letters") as wrong:
        check_model(model)
    assert [one.field for one in wrong.value.fields] == ["model.cost.currency"]


def test_a_highest_probability_needs_the_tensor_of_them() -> None:
    model = Model(
        name="models/a", protocol="PROTOCOL_OIP_GRPC", confidence_from="CONFIDENCE_SOURCE_MAX_PROBABILITY"
    )
    model_with_defaults(model)
    with pytest.raises(InvalidConfiguration, match="the tensor that has them") as wrong:
        check_model(model)
    assert [one.field for one in wrong.value.fields] == ["model.confidence_from"]
    model.signature.outputs.probabilities = "p"
    check_model(model)
