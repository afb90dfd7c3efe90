"""EnsembleService: the public specification's one call."""

import random

from turnout.router.v1 import ensemble_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import TurnoutError
from services.router.config.defaults import with_defaults
from services.router.config.problems import Problems, renamed
from services.router.config.resources import fresh
from services.router.config.vocabulary import asks_all, models_of, place_in_body, router_of
from services.router.managing import lifecycle
from services.router.managing.asked import Asked, asked, named
from services.router.managing.drafting import Drafts
from services.router.managing.rollout import Rollouts
from services.router.servicers.lifecycles import DEFAULT_WAIT


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
        """Translate, create and deploy in one write, and wait for the replicas; or only check."""
        how = asked(request, call)
        done = await self._drafts.routers.repeated(how.once)
        router = await self._made(request, how) if done is None else await self._again(done, how)
        return rpc.CreateEnsembleResponse(
            router=router,
            mode="ENSEMBLE" if asks_all(request) else "ROUTE",
            warnings=await self._drafts.warnings(router),
        )

    async def _made(self, request: rpc.CreateEnsembleRequest, how: Asked) -> Router:
        wanted = router_of(request)
        await self._refuse_unknown(request, how)
        given = request.name or named("ensemble", how, self._rng)
        router = with_defaults(fresh(wanted, "routers", given, "name"))
        try:
            written = await self._drafts.create(router, lifecycle.DEPLOYING, how)
        except TurnoutError as wrong:
            raise renamed(wrong, place_in_body) from wrong
        if how.validate_only:
            return written.message
        if written.replayed:
            return await self._again(written.message, how)
        return await self._rollouts.carry_out(written, DEFAULT_WAIT, how.by)

    async def _again(self, done: Router, how: Asked) -> Router:
        """The ensemble that this request made: as it is now, its rollout taken up if nobody has ended it;
        as it was, if it is gone."""
        found = await self._drafts.routers.read_uid(done.uid)
        if found is None or self._drafts.routers.kind.is_deleted(found):
            return done
        if found.state != lifecycle.DEPLOYING:
            return found
        deploying = await self._drafts.write(
            found.name, lambda router: lifecycle.advance(router, "deploy"), how._replace(once=None)
        )
        return await self._rollouts.carry_out(deploying, DEFAULT_WAIT, how.by)

    async def _refuse_unknown(self, request: rpc.CreateEnsembleRequest, how: Asked) -> None:
        """Name every model that is not registered by the field that names it."""
        problems, wanted = Problems(), [one for one in models_of(request) if one[1]]
        known = await self._drafts.known((model for _, model in wanted), how.caller)
        for field, model in wanted:
            if model not in known.names:
                problems.unknown_model(field, model)
        problems.settle()
