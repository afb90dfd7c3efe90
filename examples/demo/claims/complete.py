"""The chapter of drift leaves nothing out: each RPC of its service has answered."""

from turnout.drift.v1 import drift_service_pb2

from examples.demo.claims.claim import Claim
from examples.demo.evidence import Evidence

SERVICE = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"]


def check(evidence: Evidence) -> Claim:
    """The service's own descriptor says what there is: an RPC that is new is missed here."""
    rpcs = [method.name for method in SERVICE.methods]
    missing = [name for name in rpcs if name not in evidence.watch.asked]
    if missing:
        return Claim(False, f"nobody has asked {', '.join(missing)}")
    return Claim(True, f"each of the {len(rpcs)} RPCs of {SERVICE.full_name} has answered")
