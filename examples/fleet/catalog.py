"""The fleet: what each model reads, how good it is, and how it is registered with Turnout.

Accuracies are measured on the unseen rows (`tests/examples/test_fleet.py` holds them to it).
"""

from typing import NamedTuple

from turnout.router.v1 import model_pb2 as wire

from examples.fleet import columns

INPUT = "input"
LABEL = "predict"
PROBABILITIES = "predict_proba"


class FleetModel(NamedTuple):
    """One model. `price` is in USD per call; `accuracy` the share of unseen rows that it gets right;
    `probabilities` whether it gives them beside its label."""

    name: str
    dataset: str
    family: str
    columns: tuple[str, ...]
    price: float
    accuracy: float
    probabilities: bool = True

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of the probabilities."""
        return columns.CLASSES[self.dataset]


# Four doctors of different schooling, and three who each see part of a picture; the last one says no more
# than its answer. The three with part of the picture are far better together than alone.
FLEET = {
    model.name: model
    for model in (
        FleetModel(
            "cancer-logistic", "breast-cancer", "logistic-regression", columns.BREAST_CANCER, 4e-4, 0.973
        ),
        FleetModel(
            "cancer-boosting", "breast-cancer", "gradient-boosting", columns.BREAST_CANCER, 9e-4, 0.959
        ),
        FleetModel(
            "cancer-bayes", "breast-cancer", "naive-bayes", ("mean radius", "mean texture"), 1e-4, 0.908
        ),
        FleetModel("cancer-stump", "breast-cancer", "decision-tree", ("mean radius",), 5e-5, 0.884),
        FleetModel("digits-right", "digits", "logistic-regression", columns.RIGHT, 3e-4, 0.865),
        FleetModel("digits-top", "digits", "nearest-neighbours", columns.TOP, 3e-4, 0.859),
        FleetModel("digits-bottom", "digits", "discriminant-analysis", columns.BOTTOM, 3e-4, 0.822),
        FleetModel(
            "digits-svm", "digits", "support-vectors", columns.DIGITS, 2e-3, 0.988, probabilities=False
        ),
    )
}

# Sixty milliseconds would do on an idle machine; a demo's is not, and all it has are two cores or so.
TIMEOUT_MS = 2_000


def registration(name: str, *addresses: str) -> wire.Model:
    """The model as one registers it with Turnout, answering at `addresses` (host:port)."""
    model = FLEET[name]
    registered = wire.Model(
        name=f"models/{name}",
        display_name=name.replace("-", " ").capitalize(),
        protocol=wire.PROTOCOL_OIP_GRPC,
        endpoints=[wire.Endpoint(address=address) for address in addresses],
        family=model.family,
        provider="scikit-learn",
        cost=wire.ModelCost(per_call=model.price, currency="USD"),
        signature=wire.Signature(
            features=[wire.Feature(name=column, kind=wire.FEATURE_KIND_NUMERIC) for column in model.columns],
            layout=wire.TensorLayout(kind=wire.LAYOUT_KIND_STACKED, input_name=INPUT, datatype="FP64"),
            outputs=wire.OutputSpec(
                kind=wire.OUTPUT_KIND_CLASSIFICATION,
                label=LABEL,
                probabilities=PROBABILITIES if model.probabilities else "",
                class_order=model.classes,
            ),
        ),
    )
    registered.timeout.FromMilliseconds(TIMEOUT_MS)
    return registered
