"""Which features a router's models read, and what their values are."""

import asyncio
from collections.abc import Iterable, Mapping

from turnout.router.v1 import model_service_pb2 as models
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.model_pb2 import FEATURE_KIND_NUMERIC, Model

from services.cli.connecting import Visit
from services.foundation.errors import InvalidArgument, RemoteError

Kinds = Mapping[str, "Feature"]
Value = str | float | bool | None
# What stands in files for a value that is not there.
MISSING = ("", "NA", "NaN", "nan", "null", "None")


class BadFeature(InvalidArgument):
    """A value that no model of the router takes."""


class Feature:
    """A feature as the models read it: a number, or one of some names."""

    def __init__(self, name: str, model: str, *, numeric: bool, nullable: bool) -> None:
        self.name = name
        self.model = model
        self.numeric = numeric
        self.nullable = nullable

    def value(self, text: str) -> Value:
        """What the text stands for. Raises BadFeature."""
        if self.nullable and text in MISSING:
            return None
        if not self.numeric:
            return text
        try:
            return float(text)
        except ValueError:
            raise BadFeature(
                f"{self.name} is a number for {self.model}; got {text!r}",
                fields=[(self.name, "a number")],
            ) from None


async def kinds(suite: Visit, router: str) -> Kinds:
    """The features of its models, by name; without those of models that the caller may not see. Raises
    RemoteError."""
    told = await suite.to("routers").ask("GetRouter", routers.GetRouterRequest(name=router))
    names = sorted({one.model for one in told.router.variants})
    found = await asyncio.gather(*(_model(suite, name) for name in names))
    return of(one for one in found if one is not None)


async def _model(suite: Visit, name: str) -> Model | None:
    try:
        told = await suite.to("models").ask("GetModel", models.GetModelRequest(name=name))
    except RemoteError as refused:
        if refused.code in ("NOT_FOUND", "PERMISSION_DENIED"):
            return None
        raise
    found: Model = told.model
    return found


def of(known: Iterable[Model]) -> Kinds:
    """The features of these models; a number for one and a name for another is sent as it stands."""
    found: dict[str, Feature] = {}
    for model in known:
        for one in model.signature.features:
            numeric = one.kind == FEATURE_KIND_NUMERIC
            same = found.get(one.name, Feature(one.name, model.name, numeric=numeric, nullable=one.nullable))
            found[one.name] = Feature(
                one.name, same.model, numeric=numeric and same.numeric, nullable=one.nullable or same.nullable
            )
    return found


def typed(name: str, text: str, known: Kinds) -> Value:
    """The value of a feature; of one that no model declares, a number if it is one. Raises BadFeature."""
    if name in known:
        return known[name].value(text)
    try:
        return float(text)
    except ValueError:
        return {"true": True, "false": False}.get(text, text)
