"""What a variant does otherwise than its model: within limits, and only what its model can do."""

from collections.abc import Mapping

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.overrides_pb2 import Overrides
from turnout.router.v1.router_pb2 import Router

from services.models.errors import InvalidModel
from services.models.overriding import check_overrides
from services.models.problems import Problems as Found
from services.models.registration import compile_model
from services.router.config.problems import Problems


def check(router: Router, declared: Mapping[str, Model] | None, problems: Problems) -> None:
    """The overrides of all variants. `declared` are the models that are known in full, by their spelling; of
    others only what no model could do is refused."""
    for place, variant in enumerate(router.variants):
        if not variant.HasField("overrides"):
            continue
        path, found = f"router.variants[{place}].overrides", Found()
        check_overrides(variant.overrides, path, found)
        model = (declared or {}).get(variant.model)
        if not found and model is not None:
            for field, said in misfits(variant.overrides, model):
                found.add(field.replace("overrides", path, 1), f"{said} ({model.name} has not)")
        problems.wrong += found.found


def misfits(overrides: Overrides, model: Model) -> list[tuple[str, str]]:
    """What of the overrides a model cannot do, as paths from `overrides`, and what could."""
    try:
        compile_model(model).wire.with_overrides(overrides)
    except InvalidModel as wrong:
        return [(one.field, one.description) for one in wrong.fields]
    return []
