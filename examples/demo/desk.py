"""The client's side of the suite: stubs for what the story asks, answers in its own words."""

import asyncio
from collections.abc import Iterable, Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from turnout.drift.v1 import baseline_pb2, drift_service_pb2, result_pb2
from turnout.drift.v1.analysis_pb2 import AnalyzeRequest
from turnout.drift.v1.baseline_rpc_pb2 import CreateBaselineRequest
from turnout.feedback.v1 import feedback_service_pb2
from turnout.inference.v1 import event_pb2, input_pb2, manifest_pb2
from turnout.router.v1 import inference_service_pb2, router_pb2, router_service_pb2

from examples.demo.evidence import Act, Answer, Arm, Shifted, Window
from examples.demo.register import register
from examples.demo.rows import Question
from services.foundation.client import Client
from services.foundation.errors import RemoteError

INFERENCE = "turnout.router.v1.InferenceService"
ROUTERS = "turnout.router.v1.RouterService"
FEEDBACK = "turnout.feedback.v1.FeedbackService"
DRIFT = drift_service_pb2.DESCRIPTOR.services_by_name["DriftService"].full_name

SECONDS = 60.0


class Desk:
    """Calls the suite at `where` (addresses by service). Answers leave out the `prefix` of names."""

    def __init__(self, where: Mapping[str, str], prefix: str = "") -> None:
        self._prefix = prefix
        # One manifest to show: the first, until one with something to tell comes along.
        self.exhibit: manifest_pb2.Manifest | None = None
        # A prediction that is asked again is another prediction: the story counts each once.
        self._router = Client(where["router"], unretried=[f"{INFERENCE}/Predict"])
        self._feedback = Client(where["feedback"])
        self._drift = Client(where["drift"])
        self._predict = self._router.unary(INFERENCE, "Predict")
        self._record = self._feedback.unary(FEEDBACK, "RecordFeedback")

    async def close(self) -> None:
        """Close the channels."""
        await asyncio.gather(self._router.close(), self._feedback.close(), self._drift.close())

    async def register(self, models: Mapping[str, str]) -> None:
        """Make the models (addresses by resource name) known under our prefix."""
        await register(self._router, models, self._prefix)

    async def deploy(self, router: router_pb2.Router) -> list[str]:
        """Create a router and deploy it; what it was warned of."""
        create = router_service_pb2.CreateRouterRequest(router=router)
        created = await self._router.unary(ROUTERS, "CreateRouter")(create, timeout=SECONDS)
        deploy = router_service_pb2.DeployRouterRequest(name=router.name)
        await self._router.unary(ROUTERS, "DeployRouter")(deploy, timeout=SECONDS)
        return list(created.warnings)

    async def ask(self, act: Act, router: str, question: Question, when: float | None = None) -> Answer:
        """One prediction, `when` in seconds since 1970; a failure is an answer too."""
        request = inference_service_pb2.PredictRequest(
            router=self._prefix + router,
            input=input_pb2.Input(tabular=input_pb2.TabularInput(numeric_features=question.features)),
        )
        if when is not None:
            request.event_time.FromNanoseconds(int(when * 1e9))
        try:
            reply = await self._predict(request, timeout=SECONDS)
        except RemoteError as failed:
            return self._failed(act, router, question, failed)
        return self._answered(act, router, question, reply)

    async def account(self, prediction: str) -> list[tuple[str, str]]:
        """Who was called for a prediction, from its record; nobody while there is no record yet."""
        request = router_service_pb2.GetPredictionRequest(prediction_id=prediction)
        try:
            reply = await self._router.unary(ROUTERS, "GetPrediction")(request, timeout=SECONDS)
        except RemoteError as failed:
            if failed.code != "NOT_FOUND":
                raise
            return []
        return _calls(reply.prediction.event.manifest)

    async def tell(self, prediction: str, label: str) -> str:
        """Report the truth of a prediction; what became of it."""
        truth = event_pb2.Truth(label=label)
        request = feedback_service_pb2.RecordFeedbackRequest(prediction_id=prediction, truth=truth)
        reply = await self._record(request, timeout=SECONDS)
        return feedback_service_pb2.FeedbackStatus.Name(reply.status).removeprefix("FEEDBACK_STATUS_")

    async def arms(self, router: str) -> dict[str, Arm]:
        """What feedback knows of a bandit's arms."""
        request = feedback_service_pb2.GetRewardsRequest(router=self._prefix + router)
        reply = await self._feedback.unary(FEEDBACK, "GetRewards")(request, timeout=SECONDS)
        return {
            arm.variant: Arm(
                arm.pulls,
                arm.rewards,
                arm.mean if arm.HasField("mean") else None,
                arm.failures,
                arm.probability,
            )
            for arm in reply.rewards.arms
        }

    async def baseline(self, model: str, columns: Mapping[str, Iterable[float]]) -> None:
        """Give drift a reference for what the model is given."""
        numeric = {name: baseline_pb2.NumericColumn(values=values) for name, values in columns.items()}
        request = CreateBaselineRequest(
            model=self._prefix + model,
            columns=baseline_pb2.Columns(numeric=numeric),
            description="training rows",
        )
        await self._drift.unary(DRIFT, "CreateBaseline")(request, timeout=SECONDS)

    async def answers(self, model: str, labels: Iterable[str]) -> None:
        """Give drift a reference for what the model answers."""
        columns = baseline_pb2.Columns(categorical={"answer": baseline_pb2.CategoricalColumn(values=labels)})
        request = CreateBaselineRequest(
            model=self._prefix + model,
            columns=columns,
            prediction_column="answer",
            description="training labels",
        )
        await self._drift.unary(DRIFT, "CreateBaseline")(request, timeout=SECONDS)

    async def analyse(self, model: str, start: float, end: float, other: str = "") -> Window:
        """Compare a model's traffic of a window (seconds since 1970) with its baseline, or with another's."""
        request = AnalyzeRequest(model=self._prefix + model, start_time=_stamp(start), end_time=_stamp(end))
        if other:
            request.reference_model = self._prefix + other
        reply = await self._drift.unary(DRIFT, "Analyze")(request, timeout=SECONDS)
        return seen(reply.result)

    def _answered(
        self, act: Act, router: str, question: Question, reply: inference_service_pb2.PredictResponse
    ) -> Answer:
        manifest = reply.manifest
        if self.exhibit is None or (manifest.degraded and not self.exhibit.degraded):
            self.exhibit = manifest
        return Answer(
            act,
            router,
            question.truth,
            reply.prediction_id,
            reply.output.classification.label,
            manifest.decision.variant,
            manifest.decision.propensity,
            {one.variant: one.probability for one in manifest.decision.candidates},
            _calls(manifest),
            manifest.degraded,
        )

    def _failed(self, act: Act, router: str, question: Question, failed: RemoteError) -> Answer:
        """Errors name the model and the prediction among their facts."""
        model = failed.facts.get("model", "").removeprefix(f"models/{self._prefix}")
        calls = [(model, "FAILED")] if model else []
        prediction = failed.facts.get("prediction_id", "")
        return Answer(
            act, router, question.truth, prediction, variant=model, calls=calls, error=failed.message
        )


def seen(result: result_pb2.DriftResult) -> Window:
    """A drift result in the story's words."""
    features = [
        Shifted(
            one.feature,
            status(one.status),
            one.psi,
            one.missing_share,
            one.out_of_range_share,
            one.unseen_categories,
        )
        for one in result.features
    ]
    return Window(result.rows, status(result.status), result.summary, features)


def status(number: result_pb2.DriftStatus) -> str:
    """A status without its prefix."""
    return result_pb2.DriftStatus.Name(number).removeprefix("DRIFT_STATUS_")


def _stamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(int(seconds * 1e9))
    return stamp


def _calls(manifest: manifest_pb2.Manifest) -> list[tuple[str, str]]:
    """Variants that were called, and what became of it; whoever was passed over was not."""
    outcomes = manifest_pb2.Outcome
    passed_over = (outcomes.OUTCOME_SKIPPED, outcomes.OUTCOME_DROPPED)
    return [
        (one.variant, outcomes.Name(one.outcome).removeprefix("OUTCOME_"))
        for one in manifest.participants
        if one.outcome not in passed_over
    ]
