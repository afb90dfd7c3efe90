"""Services of the contract that answer nothing yet: served, so that callers are told so and reflection shows
them."""

from turnout.router.v1 import ensemble_service_pb2


class EnsembleService:
    """The public specification's one call; it answers that it is not available in this version."""

    SERVICE: str = ensemble_service_pb2.DESCRIPTOR.services_by_name["EnsembleService"].full_name
