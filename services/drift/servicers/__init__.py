"""DriftService: what people and programs ask of drift, a file per family of methods."""

from turnout.drift.v1 import drift_service_pb2

from services.drift.servicers.alerts import AlertRpcs
from services.drift.servicers.analyses import AnalysisRpcs
from services.drift.servicers.baselines import BaselineRpcs
from services.drift.servicers.ground import Ground
from services.drift.servicers.logging import LoggingRpcs
from services.drift.servicers.performance import PerformanceRpcs
from services.drift.servicers.truths import TruthRpcs


class DriftServicer(PerformanceRpcs, BaselineRpcs, AnalysisRpcs, TruthRpcs, LoggingRpcs, AlertRpcs):
    """Each method: parse, load, decide, save, reply."""

    SERVICE = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
