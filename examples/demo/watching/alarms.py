"""Looks by a schedule, and who hears of what they find: a webhook, and whoever follows."""

from collections.abc import Mapping, Sequence

from turnout.drift.v1 import alert_pb2, alert_rpc_pb2, analysis_pb2, performance_pb2
from turnout.drift.v1.result_pb2 import DriftResult

from examples.demo.elsewhere import NEW, SCANNER, WINDOW_MINUTES
from examples.demo.hook import Hook
from examples.demo.watching.bureau import Bureau

SECRET = "a demo keeps no secrets"  # noqa: S105 (of a webhook on this machine)


async def schedule(bureau: Bureau, model: str, url: str) -> None:
    """A look a minute, at all traffic and at the new scanner's; the first bad one raises an alert."""
    request = alert_rpc_pb2.UpdateAlertConfigRequest(model=model)
    config, detection = request.config, request.config.concept.detection
    config.schedule.enabled, config.schedule.epoch_looks = True, 1
    config.schedule.interval.FromSeconds(60)
    config.schedule.window.FromSeconds(WINDOW_MINUTES * 60)
    config.schedule.segments.add(name=SCANNER, value=NEW)
    config.thresholds.psi.warning, config.thresholds.psi.alert = 0.1, 0.2
    config.thresholds.ks.SetInParent()
    config.hysteresis.bad_looks = config.hysteresis.of_looks = 1
    # Two hundred of the three hundred sound ones: in a thousand runs the change took 176 labels at most.
    detection.learning_labels, detection.labels_between_alarms = 200, 1e4
    config.webhooks.add(id="demo", url=url, secret=SECRET)
    await bureau.ask("UpdateAlertConfig", request)


async def tried(bureau: Bureau, model: str) -> bool:
    """Whether a notification that says that it is a test was taken."""
    reply = await bureau.ask("TestAlert", alert_rpc_pb2.TestAlertRequest(model=model))
    return bool(reply.delivered)


class Follower:
    """Hears of alerts as they change; `heard` are their states, once all that was before is told."""

    def __init__(self, bureau: Bureau, model: str) -> None:
        self.heard: list[str] = []
        self._bureau = bureau
        self._request = alert_rpc_pb2.WatchAlertsRequest(model=model)

    async def listen(self) -> None:
        """Until it is cancelled."""
        async for told in self._bureau.follow("WatchAlerts", self._request):
            if told.HasField("alert"):
                state = alert_pb2.AlertState.Name(told.alert.state)
                self.heard.append(state.removeprefix("ALERT_STATE_").lower())


async def looked(bureau: Bureau, model: str) -> DriftResult:
    """The result of the first look."""
    found = DriftResult()

    async def there() -> bool:
        asked = alert_rpc_pb2.GetAlertConfigRequest(model=model)
        result = (await bureau.ask("GetAlertConfig", asked)).status.result
        if result:
            reply = await bureau.ask("GetResult", analysis_pb2.GetResultRequest(name=result))
            found.CopyFrom(reply.result)
        return bool(result)

    await bureau.until(there, pause=0.5)
    return found


async def raised(bureau: Bureau, model: str, hook: Hook, follower: Follower) -> Sequence[alert_pb2.Alert]:
    """The alerts, once the webhook and the follower have heard of them."""
    reply = await bureau.ask("ListAlerts", alert_rpc_pb2.ListAlertsRequest(model=model))

    async def told() -> bool:
        return min(hook.heard.count("firing"), follower.heard.count("firing")) >= len(reply.alerts)

    await bureau.until(told, seconds=20.0)
    return list(reply.alerts)


async def history(bureau: Bureau, model: str, labels: int) -> performance_pb2.GetPerformanceHistoryResponse:
    """How right it was, once detectors have seen every label."""
    found = performance_pb2.GetPerformanceHistoryResponse()

    async def seen() -> bool:
        asked = performance_pb2.GetPerformanceHistoryRequest(
            model=model, step=performance_pb2.PERFORMANCE_STEP_HOURLY
        )
        found.CopyFrom(await bureau.ask("GetPerformanceHistory", asked))
        return max((one.rows for one in found.concept.signals), default=0) >= labels

    await bureau.until(seen, pause=0.5, seconds=75.0)
    return found


async def by_scanner(bureau: Bureau, model: str) -> Mapping[str, float]:
    """How often it was right on the readings of each scanner."""
    asked = performance_pb2.GetPerformanceHistoryRequest(
        model=model, group_by=[performance_pb2.PERFORMANCE_GROUP_SEGMENT]
    )
    reply = await bureau.ask("GetPerformanceHistory", asked)
    return {one.segment.value: one.accuracy.value for one in reply.totals}
