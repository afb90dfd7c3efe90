"""The method of FeedbackService that reads experiments."""

from turnout.feedback.v1 import experiment_pb2 as rpc

from services.feedback.errors import NoExperiment
from services.feedback.evidence.desk import begun
from services.feedback.evidence.reading import EvidenceStore, evidence_of
from services.feedback.rulebook import Rulebook
from services.feedback.wire.experiments import experiment_said
from services.foundation.call import Call


class ExperimentRpcs:
    """Whoever inherits it has the rulebook and the store."""

    _rulebook: Rulebook
    _evidence: EvidenceStore

    async def GetExperiment(
        self, request: rpc.GetExperimentRequest, _call: Call
    ) -> rpc.GetExperimentResponse:
        """How a router's variants compare, and what to make of it. Raises RouterNotFound, NoExperiment."""
        rules = await self._rulebook.named(request.router)
        experiment, watch = rules.experiment, rules.watch
        if experiment is None or watch is None:
            raise NoExperiment(
                f"{rules.name} has no experiment: give it one, such as "
                '{"experiment": {"primary_metric": "accuracy"}}, with UpdateRouter',
                router=rules.name,
            )
        # Nothing is folded in the first minutes of an epoch; what there is then says so itself.
        evidence = await self._evidence.read(rules) or evidence_of(watch, begun(rules, watch))
        return rpc.GetExperimentResponse(experiment=experiment_said(rules, experiment, watch, evidence))
