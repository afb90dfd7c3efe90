"""What of a model's registration is written out."""

from turnout.router.v1.model_pb2 import Model

from services.router.config.models import model_with_defaults


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
