"""RouterService, proposals: what a configuration that nobody serves would do with what was asked before."""

from collections.abc import Iterator, Mapping, Sequence

from turnout.inference.v1.event_pb2 import PredictionRecord
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.foundation.call import Call
from services.foundation.errors import InvalidArgument, TurnoutError
from services.router.config.problems import renamed
from services.router.deciding.terms import learnt_elsewhere
from services.router.managing.aliases import resolved
from services.router.replay.proposing import Present, Proposal, Scored, redacted_by
from services.router.servicers.registry import Registry
from services.router.serving.readying import in_slices
from services.state.names import resource_name

# Their records are read and asked at once: some megabytes, some tens of milliseconds.
MOST_SCORED = 2000
# To decode a record takes some microseconds.
READ_AT_ONCE = 200
UNRECORDED = Scored((), "the router has no record of it")


class Proposals(Registry):
    """Asks proposals of logged predictions. Nothing is called, and nothing changes."""

    async def ScoreProposal(self, request: rpc.ScoreProposalRequest, call: Call) -> rpc.ScoreProposalResponse:
        """The probability of each variant, prediction by prediction."""
        ids = request.prediction_ids
        if not 0 < len(ids) <= MOST_SCORED:
            said = f"1 to {MOST_SCORED} ids, got {len(ids)}"
            raise InvalidArgument(f"prediction_ids: {said}", fields=[("prediction_ids", said)])
        name = resource_name("routers", request.router, "router")
        stored = await self.office.drafts.routers.read(name, field="router")
        router = await self._proposed(request, stored, call)
        present = await self._present(router, stored)
        proposal = Proposal(router, present, redacted_by(stored))
        reply = rpc.ScoreProposalResponse(
            variants=[one.id for one in router.variants], proposal=router, warnings=proposal.warnings()
        )

        def steps(some: Sequence[str], records: Mapping[str, PredictionRecord]) -> Iterator[object]:
            for one in some:
                record = records.get(one)
                mine = record is not None and record.event.router_uid == stored.uid
                scored = proposal.score(record.event) if record is not None and mine else UNRECORDED
                yield reply.scores.add(probabilities=scored.probabilities, unknown=scored.unknown)

        # Predictions go on meanwhile.
        for start in range(0, len(ids), READ_AT_ONCE):
            some = ids[start : start + READ_AT_ONCE]
            await in_slices(steps(some, await self.office.records.read_many(some)))
        return reply

    async def _proposed(self, request: rpc.ScoreProposalRequest, stored: Router, call: Call) -> Router:
        """What UpdateRouter would make of the stored router, checked in the same way."""
        asked = rpc.UpdateRouterRequest(
            router=request.proposal, update_mask=request.update_mask, validate_only=True
        )
        asked.router.name, asked.router.etag = stored.name, ""
        try:
            made = (await self.UpdateRouter(asked, call)).router
        except TurnoutError as wrong:
            raise renamed(wrong, _in_proposal) from wrong
        # What was learnt is of the generation that is served.
        made.generation = stored.generation
        return resolved(made)

    async def _present(self, router: Router, stored: Router) -> Present:
        models = {one.model: await self.office.drafts.models.find(one.model) for one in router.variants}
        _, metrics = await self.office.metrics.read()
        # A configuration that learns nothing has published nothing, whatever a former one did.
        learnt = await self.office.learnt.read(router.uid) if router.HasField("bandit") else None
        return Present(
            {name: model for name, model in models.items() if model is not None},
            {one.model: one for one in metrics.values()},
            learnt_elsewhere(learnt, stored),
        )


def _in_proposal(field: str) -> str:
    return f"proposal{field.removeprefix('router')}" if field.startswith("router") else field
