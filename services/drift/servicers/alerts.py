"""When a model alerts, who is told, and what has been told."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.drift.v1.alert_config_pb2 import AlertConfig, AlertSeverity
from turnout.drift.v1.alert_pb2 import ALERT_STATE_PENDING, Alert, AlertState
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.desk import chosen, tried
from services.drift.alerts.drafting import Known, advice, draft
from services.drift.alerts.secrets import redacted
from services.drift.alerts.standing import standing
from services.drift.servicers.ground import Ground
from services.foundation.call import Call
from services.foundation.errors import InvalidArgument
from services.state import pages
from services.state.ids import new_uid
from services.state.names import resource_name
from services.state.once import once

DEFAULT_PAGE, MAX_PAGE = 50, 100
# Alerts read per look for those that fit the filters.
AT_ONCE = 100
TOKEN = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")


class AlertRpcs:
    """Each method: parse, load, decide, save, reply."""

    _ground: Ground

    async def GetAlertConfig(
        self, request: rpc.GetAlertConfigRequest, call: Call
    ) -> rpc.GetAlertConfigResponse:
        """The settings that apply, and how the schedule stands."""
        model, desk = await self._ground.model(request.model), self._ground.alerts
        config = await desk.configs.get(model)
        memory = await desk.store.memory(model.uid)
        return rpc.GetAlertConfigResponse(
            config=redacted(config, editor=desk.edits(call.caller, model)),
            status=standing(config, memory) if memory is not None else None,
        )

    async def UpdateAlertConfig(
        self, request: rpc.UpdateAlertConfigRequest, call: Call
    ) -> rpc.UpdateAlertConfigResponse:
        """Change the fields of the mask, and check the whole."""
        model, desk = await self._ground.model(request.model), self._ground.alerts
        known = await self._known(model)
        change = once("UpdateAlertConfig", request, call.caller.name)

        def apply(stored: AlertConfig) -> rpc.UpdateAlertConfigResponse:
            paths = request.update_mask.paths
            whole = draft(stored, request.config, paths, known, desk.reach, self._ground.now())
            return rpc.UpdateAlertConfigResponse(
                config=redacted(whole, editor=True), warnings=advice(whole, known)
            )

        reply = await desk.configs.update(
            model, request.config.etag, change, apply, dry=request.validate_only
        )
        if not request.validate_only:
            # Owners of all partitions read this one by itself; the same request again writes it again.
            detection = reply.config.concept.detection
            await self._ground.performance.concept.configure(model.uid, detection)
        return reply

    async def TestAlert(self, request: rpc.TestAlertRequest, _call: Call) -> rpc.TestAlertResponse:
        """Tell the webhooks, now and once, that this is a test."""
        model, desk = await self._ground.model(request.model), self._ground.alerts
        now = self._ground.now()
        webhooks = chosen(await desk.configs.get(model), request.webhooks, model.name)
        trials = await asyncio.gather(
            *(tried(desk.sender, one, model.name, new_uid(now, self._ground.rng), now) for one in webhooks)
        )
        return rpc.TestAlertResponse(delivered=all(one.delivered for one in trials), trials=trials)

    async def ListAlerts(self, request: rpc.ListAlertsRequest, _call: Call) -> rpc.ListAlertsResponse:
        """A page of the model's alerts, newest first, of those that fit every filter."""
        model, desk = await self._ground.model(request.model), self._ground.alerts
        size = min(pages.size(request.page_size, DEFAULT_PAGE), MAX_PAGE)
        _known_word("state", request.state, AlertState, but=ALERT_STATE_PENDING)
        _known_word("min_severity", request.min_severity, AlertSeverity)
        filters = f"alerts {model.uid} {request.state} {request.min_severity}"
        last = pages.unseal(filters, request.page_token)
        ids = [one for one in await desk.store.alerts(model.uid) if not last or one < last]
        found = list[Alert]()
        while ids and len(found) <= size:
            some, ids = ids[:AT_ONCE], ids[AT_ONCE:]
            found += filter(_wanted(request), await desk.store.read(model.uid, some))
        more = len(found) > size
        return rpc.ListAlertsResponse(
            alerts=found[:size],
            next_page_token=pages.seal(filters, found[size - 1].name.rpartition("/")[2]) if more else "",
        )

    async def WatchAlerts(
        self, request: rpc.WatchAlertsRequest, call: Call
    ) -> AsyncIterator[rpc.WatchAlertsResponse]:
        """What fires now, then each change, of the models that the caller may see."""
        _known_word("min_severity", request.min_severity, AlertSeverity)
        desk, name = self._ground.alerts, await self._named(request, call)
        async for news in desk.feed.watch(_position(request.resume_token)):
            alert = news.alert
            if alert is not None and not (
                name in ("", alert.model)
                and alert.peak_severity >= request.min_severity
                and desk.shows(call.caller, alert.model)
            ):
                continue
            yield rpc.WatchAlertsResponse(
                alert=alert, current=news.current, caught_up=alert is None, resume_token=news.position
            )

    async def _named(self, request: rpc.WatchAlertsRequest, call: Call) -> str:
        if not request.model:
            return ""
        name = resource_name("models", request.model, "model")
        if not self._ground.alerts.shows(call.caller, name):
            # As if it were not there; it may be newer than memory, and then is soon asked for again.
            raise self._ground.models.kind.missing(name, "model")
        return (await self._ground.model(name)).name

    async def _known(self, model: Model) -> Known:
        active = (await self._ground.baselines.actives([model.uid])).get(model.uid, {})
        if not active:
            return Known(None)
        bodies = await self._ground.baselines.get_many(model.uid, [one.id for one in active.values()])
        features = {feature.name for one in bodies if one is not None for feature in one.features}
        return Known(features, active.keys())


def _known_word(field: str, given: int, words: Any, but: int | None = None) -> None:
    """Raises InvalidArgument for a filter by what there is not, or by `but`, which nothing here is."""
    if given not in words.values() or given == but:
        known = ", ".join(name for name, number in words.items()[1:] if number != but)
        said = f"is one of {known}; got {words.Name(given) if given == but else given}"
        raise InvalidArgument(f"{field} {said}", fields=[(field, said)])


def _wanted(request: rpc.ListAlertsRequest) -> Callable[[Alert], bool]:
    return lambda alert: request.state in (0, alert.state) and alert.peak_severity >= request.min_severity


def _position(token: str) -> str:
    if token and not TOKEN.fullmatch(token):
        said = "must be the resume_token of a message of WatchAlerts, or empty"
        raise InvalidArgument(f"resume_token {said}", fields=[("resume_token", said)])
    return token
