"""Former configurations of a router, and the way back to one."""

from turnout.router.v1.router_pb2 import Router
from turnout.router.v1.router_service_pb2 import RouterGeneration

from services.foundation.errors import InvalidArgument, NotFound
from services.router.config.resources import ROUTER_KEPT
from services.router.managing.drafting import Known, completed
from services.state.shelf import Former

# What is the router's and no generation's.
STAYS = {"name", "etag", *ROUTER_KEPT}


class GenerationNotFound(NotFound):
    """The router never had this generation, or it is no longer kept."""

    reason = "GENERATION_NOT_FOUND"


def bring_back(router: Router, former: Router, known: Known) -> None:
    """Give a router the configuration of one of its former generations, checked as if it were new.

    Lifecycle, owner and permissions stay. Raises InvalidArgument for the current generation, and what
    `validate` raises: a model may be gone since.
    """
    if former.generation >= router.generation:
        said = f"an earlier one than {router.generation}, the current one; got {former.generation}"
        raise InvalidArgument(f"generation: {said}", fields=[("generation", said)])
    for field in router.DESCRIPTOR.fields:
        if field.name not in STAYS:
            router.ClearField(field.name)
    made = Router()
    made.CopyFrom(former)
    for name in STAYS:
        made.ClearField(name)
    router.MergeFrom(made)
    completed(router, known)


def missing(name: str, generation: int) -> GenerationNotFound:
    """The error for a generation that is not kept."""
    said = f"{name} has no generation {generation}, or it is no longer kept; ListRouterGenerations shows them"
    return GenerationNotFound(
        said, fields=[("generation", "one that is kept")], router=name, generation=generation
    )


def as_generation(former: Former[Router]) -> RouterGeneration:
    """A former configuration as it is listed. What was stored before authors were noted has none."""
    by, router = former.by, former.message
    return RouterGeneration(
        router=router,
        changed_by=by.caller,
        method=by.method,
        time=by.time if by.HasField("time") else router.update_time,
        changed_fields=by.changed_fields,
    )
