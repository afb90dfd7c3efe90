"""The beginning of a prediction's account: who was chosen, and what was asked."""

from turnout.router.v1.inference_service_pb2 import PredictRequest

from services.foundation.call import Call
from services.models.signature import Request
from services.router.deciding.choosing import Choice
from services.router.deciding.plan import Arm, RoutingPlan
from services.router.execution.equipment import Equipment
from services.router.execution.ledger import Ledger


def opened(
    plan: RoutingPlan,
    arm: Arm,
    question: Request,
    choice: Choice,
    request: PredictRequest,
    call: Call,
    use: Equipment,
) -> Ledger:
    """The account of a prediction that a variant was chosen for, with what it was asked."""
    ledger = use.open(plan, choice, request, call)
    ledger.note_input(question.rows, arm.handle.features(request.input))
    if warning := plan.columns.warning(request.input):
        ledger.note_warning(warning)
    use.metrics.routing_decisions[choice.route.strategy, arm.model].inc()
    return ledger
