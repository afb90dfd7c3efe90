"""What stories ask of a suite, each on routers of its own name."""

from collections.abc import Mapping
from typing import Any

from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.inference.v1 import event_pb2, input_pb2
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import router_pb2, router_service_pb2

from examples.demo.rows import Question
from services.foundation.client import Client

INFERENCE = "turnout.router.v1.InferenceService"
ROUTERS = "turnout.router.v1.RouterService"
FEEDBACK = "turnout.feedback.v1.FeedbackService"
SECONDS = 20.0


def router(name: str, *models: str, **strategy: Any) -> router_pb2.Router:
    """A router over models of the fleet, with one strategy field, such as `weighted={}`."""
    variants = [router_pb2.Variant(id=model, model=f"models/{model}") for model in models]
    return router_pb2.Router(name=f"routers/{name}", variants=variants, **strategy)


async def deployed(client: Client, wanted: router_pb2.Router) -> router_pb2.Router:
    """Create and deploy it."""
    create = router_service_pb2.CreateRouterRequest(router=wanted)
    await client.unary(ROUTERS, "CreateRouter")(create, timeout=SECONDS)
    deploy = router_service_pb2.DeployRouterRequest(name=wanted.name)
    reply = await client.unary(ROUTERS, "DeployRouter")(deploy, timeout=SECONDS)
    running: router_pb2.Router = reply.router
    return running


def asked(name: str, question: Question) -> inference.PredictRequest:
    """A question to a router."""
    tabular = input_pb2.TabularInput(numeric_features=question.features)
    return inference.PredictRequest(router=name, input=input_pb2.Input(tabular=tabular))


async def predict(client: Client, name: str, question: Question, **how: Any) -> inference.PredictResponse:
    """Ask it."""
    call = client.unary(INFERENCE, "Predict")
    reply: inference.PredictResponse = await call(asked(name, question), timeout=SECONDS, **how)
    return reply


async def tell(client: Client, prediction: str, label: str, **how: Any) -> feedback.RecordFeedbackResponse:
    """Report the truth."""
    request = feedback.RecordFeedbackRequest(
        prediction_id=prediction, truth=event_pb2.Truth(label=label), **how
    )
    reply: feedback.RecordFeedbackResponse = await client.unary(FEEDBACK, "RecordFeedback")(
        request, timeout=SECONDS
    )
    return reply


async def arms(client: Client, name: str) -> Mapping[str, Any]:
    """What feedback knows of a router's arms."""
    request = feedback.GetRewardsRequest(router=name)
    reply = await client.unary(FEEDBACK, "GetRewards")(request, timeout=SECONDS)
    return {arm.variant: arm for arm in reply.rewards.arms}
