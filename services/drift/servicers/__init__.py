"""DriftService: what people and programs ask of drift, a file per family of methods."""

from turnout.drift.v1 import drift_service_pb2
from turnout.drift.v1 import truth_pb2 as rpc

from services.drift.servicers.analyses import AnalysisRpcs
from services.drift.servicers.baselines import BaselineRpcs
from services.drift.servicers.ground import Ground
from services.drift.servicers.performance import PerformanceRpcs
from services.foundation.call import Call


class DriftServicer(PerformanceRpcs, BaselineRpcs, AnalysisRpcs):
    """Each method: parse, load, decide, save, reply."""

    SERVICE = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def AddGroundTruth(
        self, request: rpc.AddGroundTruthRequest, _call: Call
    ) -> rpc.AddGroundTruthResponse:
        """Append what turned out to be true to the one truth stream."""
        return await self._ground.truths.add(request)
