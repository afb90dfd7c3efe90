"""The chapter of drift: a baseline and labels from files, a scheduled look, an alert, and what follows."""

import asyncio
import random
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from turnout.drift.v1 import (
    alert_rpc_pb2,
    analysis_pb2,
    baseline_rpc_pb2,
    concept_pb2,
    logging_pb2,
    performance_pb2,
    result_pb2,
    truth_pb2,
)
from turnout.inference.v1 import input_pb2
from turnout.router.v1 import inference_service_pb2, router_pb2, router_service_pb2

from examples.demo.desk import DRIFT, INFERENCE, ROUTERS, SECONDS
from examples.demo.elsewhere import ANSWER, COLUMNS, WINDOW_MINUTES, Prediction, Stump, truth_file
from examples.demo.evidence import Watch
from examples.demo.hook import Hook, listening
from examples.demo.options import Options, Without
from examples.demo.register import register_one
from services.cli.drift.report import Report, render
from services.foundation.client import Client

MODEL, STAND_IN, ROUTER = "cancer-elsewhere", "cancer-bayes", "tumours-guarded"
# A look a minute, and what travels through streams before and after it.
PATIENCE_SECONDS = 110.0
SECRET = "a demo keeps no secrets"  # noqa: S105 (of a webhook on this machine)


class Chapter:
    """Plays beside the story, on models of its own. `now` is in seconds since 1970."""

    def __init__(
        self, where: Mapping[str, str], models: Mapping[str, str], options: Options, now: Callable[[], float]
    ) -> None:
        self._drift, self._router = Client(where["drift"]), Client(where["router"])
        self._models = models
        self._options = options
        self._now = now
        self._model = f"models/{options.prefix}{MODEL}"
        self._name = f"{options.prefix}{ROUTER}"

    async def play(self) -> Watch:
        """All of it. Raises RemoteError for what the suite refuses."""
        try:
            async with listening(SECRET, self._now) as hook:
                return await self._play(hook)
        finally:
            await asyncio.gather(self._drift.close(), self._router.close())

    async def _play(self, hook: Hook) -> Watch:
        stump, begin = Stump(), self._now()
        await self._deploy()
        baseline = await self._baseline(stump.training_file())
        sound = Without.SHIFT in self._options.without
        name = f"{self._options.prefix}{self._options.seed}"
        made = stump.predictions(begin, self._options.seed, name, sound=sound)
        logged = await self._log(made)
        labelled = await self._label(made)
        before = await self._choice()
        await self._watch(hook.url)
        result = await self._looked()
        alerts = await self._ask("ListAlerts", alert_rpc_pb2.ListAlertsRequest(model=self._model))
        await self._until(lambda: _is(bool(hook.heard) or not alerts.alerts))
        history = await self._history(len(made))
        await self._until(lambda: self._turned(before, bool(alerts.alerts)))
        return Watch(
            baseline,
            logged,
            labelled,
            result_pb2.DriftStatus.Name(result.status).removeprefix("DRIFT_STATUS_"),
            result.features[0].feature if result.features else "",
            " ".join(one.summary for one in alerts.alerts),
            hook.heard,
            hook.signed,
            concept_pb2.ConceptStatus.Name(history.concept.status).removeprefix("CONCEPT_STATUS_"),
            history.concept.summary,
            before,
            await self._choice(),
            self._report(result, history),
        )

    async def _deploy(self) -> None:
        """A model that somebody serves elsewhere, and a router that asks it unless it drifts."""
        # What it sees is declared as another's is; here it is never asked.
        for model, served in ((MODEL, "cancer-logistic"), (STAND_IN, STAND_IN)):
            name, address = f"models/{self._options.prefix}{model}", self._models[f"models/{served}"]
            await register_one(self._router, name, served, address)
        router = router_pb2.Router(name=f"routers/{self._name}", description="turns away from who drifts")
        for model, weight in ((MODEL, 100.0), (STAND_IN, 0.0)):
            router.variants.add(id=model, model=f"models/{self._options.prefix}{model}", weight=weight)
        router.weighted.SetInParent()
        condition = f"drift('{self._model}') == 'alert'"
        router.policies.add(name="drifting", condition=condition, variant=STAND_IN)
        create = router_service_pb2.CreateRouterRequest(router=router)
        await self._router.unary(ROUTERS, "CreateRouter")(create, timeout=SECONDS)
        deploy = router_service_pb2.DeployRouterRequest(name=router.name)
        await self._router.unary(ROUTERS, "DeployRouter")(deploy, timeout=SECONDS)

    async def _baseline(self, file: bytes) -> int:
        header = baseline_rpc_pb2.UploadBaselineHeader(
            model=self._model, features=COLUMNS, prediction_column=ANSWER, description="training rows"
        )
        request = baseline_rpc_pb2.UploadBaselineRequest
        made = await self._send("UploadBaseline", [request(header=header), request(data=file)])
        return int(made.rows)

    async def _log(self, made: Sequence[Prediction]) -> int:
        request = logging_pb2.LogPredictionsRequest(model=self._model)
        for one in made:
            tabular = input_pb2.TabularInput(numeric_features=one.features)
            logged = request.predictions.add(
                input=input_pb2.Input(tabular=tabular), label=one.label, external_id=one.key, request_id="1"
            )
            logged.time.FromNanoseconds(int(one.at * 1e9))
        reply = await self._send("LogPredictions", [request])
        return int(reply.logged)

    async def _label(self, made: Sequence[Prediction]) -> int:
        """Send the file of labels until each of its rows has found its prediction."""
        file = truth_file(made, random.Random(self._options.seed))
        request = truth_pb2.UploadGroundTruthRequest
        header = request(header=truth_pb2.GroundTruthHeader(model=self._model))
        taken = 0

        async def sent() -> bool:
            nonlocal taken
            reply = await self._send("UploadGroundTruth", [header, request(data=file)])
            taken = int(reply.rows - reply.counts["REFUSED"])
            return taken == len(made)

        await self._until(sent)
        return taken

    async def _watch(self, url: str) -> None:
        """A look a minute; the first bad one raises an alert."""
        request = alert_rpc_pb2.UpdateAlertConfigRequest(model=self._model)
        schedule, detection = request.config.schedule, request.config.concept.detection
        schedule.enabled, schedule.epoch_looks = True, 1
        schedule.interval.FromSeconds(60)
        schedule.window.FromSeconds(WINDOW_MINUTES * 60)
        request.config.hysteresis.bad_looks = request.config.hysteresis.of_looks = 1
        detection.learning_labels, detection.labels_between_alarms = 100, 1e4
        request.config.webhooks.add(id="demo", url=url, secret=SECRET)
        await self._ask("UpdateAlertConfig", request)

    async def _looked(self) -> result_pb2.DriftResult:
        """The result of the first look."""
        found = result_pb2.DriftResult()

        async def looked() -> bool:
            asked = alert_rpc_pb2.GetAlertConfigRequest(model=self._model)
            result = (await self._ask("GetAlertConfig", asked)).status.result
            if result:
                reply = await self._ask("GetResult", analysis_pb2.GetResultRequest(name=result))
                found.CopyFrom(reply.result)
            return bool(result)

        await self._until(looked, pause=0.5)
        return found

    async def _history(self, labels: int) -> performance_pb2.GetPerformanceHistoryResponse:
        """How right it was, once detectors have seen every label."""
        found = performance_pb2.GetPerformanceHistoryResponse()

        async def seen() -> bool:
            asked = performance_pb2.GetPerformanceHistoryRequest(
                model=self._model, step=performance_pb2.PERFORMANCE_STEP_HOURLY
            )
            found.CopyFrom(await self._ask("GetPerformanceHistory", asked))
            return max((one.rows for one in found.concept.signals), default=0) >= labels

        await self._until(seen, pause=0.5, seconds=75.0)
        return found

    async def _choice(self) -> str:
        """Who the router would ask now."""
        request = inference_service_pb2.ExplainRequest(router=self._name)
        request.input.tabular.numeric_features[COLUMNS[0]] = 14.0
        reply = await self._router.unary(INFERENCE, "Explain")(request, timeout=SECONDS)
        return str(reply.decision.variant)

    async def _turned(self, before: str, expected: bool) -> bool:
        return not expected or await self._choice() != before

    def _report(
        self, result: result_pb2.DriftResult, history: performance_pb2.GetPerformanceHistoryResponse
    ) -> str:
        """The page, written where it stays; its path."""
        if not result.name:
            return ""
        path = Path(tempfile.mkdtemp(prefix="turnout-drift-")) / f"{self._options.prefix}{MODEL}.html"
        page = render(Report(result, datetime.fromtimestamp(self._now(), UTC), performance=history))
        path.write_text(page, encoding="utf-8")
        return str(path)

    async def _ask(self, method: str, request: Message) -> Any:
        return await self._drift.unary(DRIFT, method)(request, timeout=SECONDS)

    async def _send(self, method: str, parts: Sequence[Message]) -> Any:
        async def stream() -> Any:
            for part in parts:
                yield part

        return await self._drift.upload(DRIFT, method)(stream(), timeout=SECONDS)

    async def _until(
        self, done: Callable[[], Awaitable[bool]], pause: float = 0.2, seconds: float = PATIENCE_SECONDS
    ) -> None:
        """Wait for an effect, but not for ever: whether it came is for the claims to say."""
        deadline = self._now() + seconds
        while not await done() and self._now() < deadline:  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(pause)


async def _is(said: bool) -> bool:
    return said
