"""Every mutation of the router's services that carries a request id: how it is asked, and what it changes."""

from typing import Any, NamedTuple

from turnout.router.v1 import router_pb2

from examples.fleet.catalog import registration
from tests.router.bad_input.conftest import Office
from tests.router.conftest import doctors

NOBODYS = "127.0.0.1:9"


class Mutation(NamedTuple):
    """One method on what `prepare` leaves: the router `cancer` in a state, beside two models.

    changes: the fields of a good request; other: those of another good one, for the same resource.
    """

    method: str
    changes: dict[str, Any]
    other: dict[str, Any]
    state: str = "registered"

    async def prepare(self, office: Office) -> None:
        """Bring the router to the state that the method starts from."""
        desk = office.desk
        if self.state == "nothing":
            return
        await desk.create("cancer", doctors())
        if self.state == "three":
            third = {"id": "third", "model": "cancer-bayes"}
            await office.manage("RouterService/AddVariant", name="cancer", variant=third)
        if self.state in ("running", "stopped"):
            await desk.deploy("cancer")
        if self.state == "stopped":
            await office.manage("RouterService/StopRouter", name="cancer")
        if self.state == "deleted":
            await office.manage("RouterService/DeleteRouter", name="cancer")


def _heavier() -> router_pb2.Router:
    made = doctors()
    made.variants[0].weight = 9.0
    return made


_STUMP, _BAYES = registration("cancer-stump", NOBODYS), registration("cancer-bayes", NOBODYS)
_STUMP.name, _BAYES.name = "models/new", "models/new"

MUTATIONS = {
    one.method: one
    for one in (
        Mutation(
            "RouterService/CreateRouter",
            {"router_id": "cancer", "router": doctors()},
            {"router_id": "cancer", "router": _heavier()},
            "nothing",
        ),
        Mutation(
            "RouterService/DeployRouter", {"name": "cancer"}, {"name": "cancer", "wait": {"seconds": 1}}
        ),
        Mutation("RouterService/StartRouter", {"name": "cancer"}, {"name": "routers/cancer"}, "stopped"),
        Mutation("RouterService/StopRouter", {"name": "cancer"}, {"name": "routers/cancer"}, "running"),
        Mutation("RouterService/DeleteRouter", {"name": "cancer"}, {"name": "routers/cancer"}, "running"),
        Mutation("RouterService/UndeleteRouter", {"name": "cancer"}, {"name": "routers/cancer"}, "deleted"),
        Mutation(
            "RouterService/UpdateVariantWeight",
            {"name": "cancer", "variant": "cancer-bayes", "weight": 5.0},
            {"name": "cancer", "variant": "cancer-bayes", "weight": 6.0},
        ),
        Mutation(
            "RouterService/SetWeights",
            {"name": "cancer", "weights": {"cancer-bayes": 5.0}},
            {"name": "cancer", "weights": {"cancer-stump": 5.0}},
        ),
        Mutation(
            "RouterService/ToggleVariant",
            {"name": "cancer", "variant": "cancer-bayes", "enabled": True},
            {"name": "cancer", "variant": "cancer-stump", "enabled": True},
        ),
        Mutation(
            "RouterService/UpdateRouter",
            {"router": {"name": "cancer", "description": "one"}},
            {"router": {"name": "cancer", "description": "two"}},
        ),
        Mutation(
            "RouterService/AddVariant",
            {"name": "cancer", "variant": {"id": "third", "model": "cancer-bayes"}},
            {"name": "cancer", "variant": {"id": "fourth", "model": "cancer-bayes"}},
        ),
        Mutation(
            "RouterService/RemoveVariant",
            {"name": "cancer", "variant": "third"},
            {"name": "cancer", "variant": "cancer-bayes"},
            "three",
        ),
        Mutation(
            "RouterService/RollbackRouter",
            {"name": "cancer", "generation": 1},
            {"name": "routers/cancer", "generation": 1},
            "three",
        ),
        Mutation(
            "RouterService/UpdatePermissions",
            {"name": "cancer", "permissions": {"viewers": ["ann"]}},
            {"name": "cancer", "permissions": {"viewers": ["ben"]}},
        ),
        Mutation(
            "ModelService/UpdateModel",
            {"model": {"name": "models/cancer-bayes", "family": "one"}},
            {"model": {"name": "models/cancer-bayes", "family": "two"}},
        ),
        Mutation(
            "ModelService/SetAlias",
            {"model": "cancer-bayes", "alias": "champion"},
            {"model": "cancer-bayes", "alias": "challenger"},
        ),
        Mutation("ModelService/RegisterModel", {"model": _STUMP}, {"model": _BAYES}, "nothing"),
        Mutation("ModelService/DeleteModel", {"name": "cancer-bayes"}, {"name": "cancer-stump"}, "nothing"),
    )
}
