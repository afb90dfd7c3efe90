"""EnsembleService: the public specification's one call."""

import random

from turnout.router.v1 import ensemble_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import TurnoutError
from services.router import lifecycle
from services.router.asked import asked
from services.router.config.defaults import with_defaults
from services.router.config.problems import Problems, renamed
from services.router.config.resources import fresh
from services.router.config.vocabulary import asks_all, models_of, place_in_body, router_of
from services.router.drafting import Drafts
from services.router.rollout import Rollouts
from services.router.servicers.lifecycles import DEFAULT_WAIT
from services.state.configs import Written


class EnsembleService:
    """A router from the specification's vocabulary, written as it is being deployed."""

    SERVICE = "turnout.router.v1.EnsembleService"

    def __init__(self, drafts: Drafts, rollouts: Rollouts, rng: random.Random) -> None:
        self._drafts = drafts
        self._rollouts = rollouts
        self._rng = rng

    async def CreateEnsemble(
        self, request: rpc.CreateEnsembleRequest, call: Call
    ) -> rpc.CreateEnsembleResponse:
        """Translate, create and deploy in one write, and wait for the replicas."""
        how = asked(request, call)
        written = await self._create(request, call)
        router = await self._rollouts.carry_out(written, DEFAULT_WAIT, how.by)
        return rpc.CreateEnsembleResponse(
            router=router,
            mode="ENSEMBLE" if asks_all(request) else "ROUTE",
            warnings=await self._drafts.warnings(router),
        )

    async def _create(self, request: rpc.CreateEnsembleRequest, call: Call) -> Written[Router]:
        wanted = router_of(request)
        await self._refuse_unknown(request, call)
        given = request.name or f"ensemble-{self._rng.getrandbits(40):010x}"
        router = with_defaults(fresh(wanted, "routers", given, "name"))
        try:
            return await self._drafts.create(router, lifecycle.DEPLOYING, asked(request, call))
        except TurnoutError as wrong:
            raise renamed(wrong, place_in_body) from wrong

    async def _refuse_unknown(self, request: rpc.CreateEnsembleRequest, call: Call) -> None:
        """Name every model that is not registered by the field that names it."""
        problems, named = Problems(), [one for one in models_of(request) if one[1]]
        known = await self._drafts.known((model for _, model in named), call.caller)
        for field, model in named:
            if model not in known.names:
                problems.unknown_model(field, model)
        problems.settle()
