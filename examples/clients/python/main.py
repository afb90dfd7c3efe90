"""A client of Turnout in Python: makes a router, asks it, reads who answered, says the truth, reads an error.
It needs grpcio and the wheel of messages that `make client-wheel` writes.

    TURNOUT_ROUTER=127.0.0.1:50051 TURNOUT_FEEDBACK=127.0.0.1:50053 python main.py hello-python
"""

import json
import os
import sys
import uuid
from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from turnout.feedback.v1 import feedback_service_pb2 as feedback
from turnout.inference.v1.event_pb2 import Truth
from turnout.inference.v1.input_pb2 import Input, TabularInput
from turnout.inference.v1.manifest_pb2 import Outcome
from turnout.router.v1 import inference_service_pb2 as inference
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.router_pb2 import Router, Variant

# Only what changes nothing when it is done twice is retried by the channel: changes of routers carry a
# request id, and reports of feedback an id, so that each happens once however often it is sent. A service
# that must not be asked again says so with its UNAVAILABLE.
RETRIED = (
    "turnout.router.v1.InferenceService",
    "turnout.router.v1.RouterService",
    "turnout.feedback.v1.FeedbackService",
)
RETRIES = {
    "name": [{"service": name} for name in RETRIED],
    "retryPolicy": {
        "maxAttempts": 4,
        "initialBackoff": "0.05s",
        "maxBackoff": "1s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    },
}


class Service:
    """A service at an address: its methods by name, as its descriptor has them."""

    def __init__(self, descriptor: Any, target: str) -> None:
        self._descriptor = descriptor
        options = [("grpc.service_config", json.dumps({"methodConfig": [RETRIES]}))]
        # On loopback only; grpc.secure_channel elsewhere.
        self._channel = grpc.insecure_channel(target, options)

    def call(self, method: str, request: Any, seconds: float) -> Any:
        """The reply, within so many seconds. Raises grpc.RpcError."""
        metadata = [("x-request-id", str(uuid.uuid4()))]
        if key := os.environ.get("KEY"):
            metadata.append(("authorization", f"Bearer {key}"))
        found = self._descriptor.methods_by_name[method]
        ask: Any = self._channel.unary_unary(
            f"/{self._descriptor.full_name}/{method}",
            lambda message: message.SerializeToString(),
            GetMessageClass(found.output_type).FromString,
        )
        return ask(request, timeout=seconds, metadata=metadata)


def main(name: str) -> None:
    target = os.environ.get("TURNOUT_ROUTER", "127.0.0.1:50051")
    desk = Service(routers.DESCRIPTOR.services_by_name["RouterService"], target)
    door = Service(inference.DESCRIPTOR.services_by_name["InferenceService"], target)
    learner = Service(
        feedback.DESCRIPTOR.services_by_name["FeedbackService"],
        os.environ.get("TURNOUT_FEEDBACK", "127.0.0.1:50053"),
    )
    create(desk, name, [Variant(model="cancer-bayes", weight=70), Variant(model="cancer-stump", weight=30)])
    try:
        reply = ask(door, name)
        tell(reply)
        report = feedback.RecordFeedbackRequest(
            prediction_id=reply.prediction_id, feedback_id=str(uuid.uuid4()), truth=Truth(label="benign")
        )
        told = learner.call("RecordFeedback", report, 5)
        print("feedback:", feedback.FeedbackStatus.Name(told.status))
        unknown = Variant(model="no-such-model")
        for wrong in (lambda: ask(door, "nobody"), lambda: create(desk, f"{name}-wrong", [unknown])):
            try:
                wrong()
            except grpc.RpcError as error:
                explain(error)
    finally:
        desk.call("DeleteRouter", routers.DeleteRouterRequest(name=name, request_id=str(uuid.uuid4())), 10)


def create(desk: Service, name: str, variants: Sequence[Variant]) -> None:
    request = routers.CreateRouterRequest(
        router_id=name, router=Router(variants=variants), request_id=str(uuid.uuid4())
    )
    try:
        desk.call("CreateRouter", request, 10)
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
    deployed = desk.call(
        "DeployRouter", routers.DeployRouterRequest(name=name, request_id=str(uuid.uuid4())), 20
    )
    print("router:", deployed.router.name)


def ask(door: Service, name: str) -> inference.PredictResponse:
    row = TabularInput(numeric_features={"mean radius": 14.2, "mean texture": 20.1})
    request = inference.PredictRequest(router=name, entity_id="patient-7", input=Input(tabular=row))
    reply: inference.PredictResponse = door.call("Predict", request, 5)
    return reply


def tell(reply: inference.PredictResponse) -> None:
    decision = reply.manifest.decision
    print("answer:", reply.output.classification.label)
    print(f"drawn: {decision.variant} with probability {decision.propensity:.2f}")
    for one in reply.manifest.participants:
        print(f"took part: {one.model}, {Outcome.Name(one.outcome)}")


def explain(error: Any) -> None:
    """Print what a service found wrong: the reason for programs, fields for people."""
    print("error:", error.code().name)
    rich = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    for detail in status_pb2.Status.FromString(rich).details:
        reason, wrong = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(reason):
            print("reason:", reason.reason)
        elif detail.Unpack(wrong):
            for field in wrong.field_violations:
                print(f"field: {field.field}: {field.description}")
        elif detail.Unpack(retry):
            print("again in:", retry.retry_delay.ToTimedelta())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "hello-python")
