"""What a change of a model means to the routers that have it, looked at before the model is written."""

from collections.abc import Mapping

from turnout.router.v1.model_pb2 import Model
from turnout.router.v1.router_pb2 import Router

from services.foundation.identity.caller import Caller
from services.router.config import currencies
from services.router.config.advice import advice
from services.router.config.agreement import disagreements
from services.router.config.costs import check_cost
from services.router.config.panels import panels_in
from services.router.config.problems import Problems
from services.router.managing.aliases import callees, spelled
from services.router.managing.champions import Champions, disagreement, lost
from services.state.config_reader import ConfigReader
from services.state.permissions import CatalogPermissions

MOST_WARNED = 20


class Consequences:
    """Looks at every router that may ask the model, whether it names it itself or by an alias."""

    def __init__(
        self, models: ConfigReader[Model], champions: Champions, permissions: CatalogPermissions
    ) -> None:
        self._models = models
        self._champions = champions
        self._permissions = permissions

    async def of(self, before: Model, after: Model, caller: Caller) -> list[str]:
        """Sentences about routers whose models no longer agree or no longer compare, or that one would now be
        advised about, of those that the caller may see.

        Raises ModelsDisagree where a condition would lose what it reads: no replica could load the router.
        """
        users = await self._champions.routers(lambda router: before.name in callees(router))
        visible, told, warned = self._permissions.visible(caller), list[str](), 0
        for router in users:
            was, will = await self._with(router, before), await self._with(router, after)
            # Compiling conditions takes its time, and most changes leave the features as they are.
            if before.signature != after.signature and (news := lost(router, was, router, will)):
                refused = disagreement(router, after, news, "model.signature.features")
                raise self._champions.told(refused, router, caller)
            if visible(router) and (warned := warned + 1) <= MOST_WARNED:
                known = _told(router, was)
                news = [one for one in _told(router, will) if one not in known]
                told += [f"{router.name}: {sentence}" for sentence in news]
        return told

    async def _with(self, router: Router, model: Model) -> Mapping[str, Model]:
        others = set(callees(router)) - {model.name}
        found = {one: known for one in others if (known := await self._models.find(one)) is not None}
        return found | {model.name: model}


def _told(router: Router, models: Mapping[str, Model]) -> list[str]:
    """What is said of a router with these models, also what would be refused of it, were it written now."""
    known, problems = spelled(router, models), Problems()
    currencies.check(router, known, problems)
    for panel in panels_in(router, known):
        check_cost(panel, problems)
    wrong = [f"{one.field}: {one.description}" for one in problems.wrong]
    return [*disagreements(router, models), *wrong, *advice(router, models)]
