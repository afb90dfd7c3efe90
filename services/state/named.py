"""What the fields of requests name: a router, a model, or a prediction."""

import re

from services.state.names import ID, resource_name

OF_FIELD = {"router": "routers", "model_name": "routers", "model": "models", "prediction_id": "predictions"}
OF_SERVICE = {
    "turnout.router.v1.RouterService": "routers",
    # To its clients, a router is a model.
    "inference.GRPCInferenceService": "routers",
    "turnout.router.v1.ModelService": "models",
    # What belongs to a model: models/{id}/baselines/{id}.
    "turnout.drift.v1.DriftService": "models",
}
_PART = re.compile(rf"(models/{ID.pattern})/[a-z]+/[^/]+")
_ALIAS = re.compile(rf"(?:models/)?({ID.pattern}@{ID.pattern})")


def kind_named(method: str, path: str) -> str:
    """What a field (by its path in the request of a method) names: routers, models or predictions.

    Raises ValueError where that cannot be told.

    >>> kind_named("turnout.router.v1.RouterService/UpdateRouter", "router.name")
    'routers'
    """
    *before, last = path.split(".")
    if last == "name" and before:
        last = before[-1]
    kind = OF_FIELD.get(last) or (OF_SERVICE.get(method.partition("/")[0]) if last == "name" else None)
    if kind is None:
        raise ValueError(f"{method}: nobody knows what {path} names")
    return kind


def name_given(kind: str, given: str, field: str) -> str:
    """The resource's name in a field. Raises BadName, blaming the field.

    >>> name_given("models", "models/churn/baselines/b-1", "name"), name_given("routers", "churn", "router")
    ('models/churn', 'routers/churn')
    """
    if kind == "models":
        if part := _PART.fullmatch(given):
            return part[1]
        if alias := _ALIAS.fullmatch(given):
            return f"models/{alias[1]}"
    return resource_name(kind, given, field)
