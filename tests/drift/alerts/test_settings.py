"""Settings of alerts over a real channel: what is kept, what is shown, and what is refused."""

import logging
from typing import Any, cast

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.drift.v1.alert_config_pb2 import ALERT_SEVERITY_WARNING, WEBHOOK_FORMAT_JSON, AlertConfig
from turnout.drift.v1.alert_pb2 import ALERT_STATE_PENDING
from turnout.drift.v1.segment_pb2 import Segment
from turnout.router.v1.model_pb2 import Model

from services.foundation.errors import RemoteError
from services.state import alert_keys
from services.state.connection import Connections
from services.state.ids import partition_for
from tests.drift.alerts.conftest import HOUR, SECRET, Clock
from tests.drift.alerts.limits import LIMITS, URL, hooked
from tests.drift.conftest import Ask, creation

GET = rpc.GetAlertConfigRequest(model="churn")


def update(*paths: str, config: dict[str, Any] | None = None, **rest: Any) -> rpc.UpdateAlertConfigRequest:
    mask = FieldMask(paths=paths) if paths else None
    return rpc.UpdateAlertConfigRequest(model="churn", config=config or {}, update_mask=mask, **rest)


async def kept(ask: Ask) -> AlertConfig:
    config: AlertConfig = (await ask("GetAlertConfig", GET)).config
    return config


async def test_without_settings_the_defaults_are_shown_and_nothing_runs(ask: Ask, model: Model) -> None:
    config = await kept(ask)
    assert (config.name, config.schedule.enabled) == ("models/churn/alertConfig", False)
    assert (config.schedule.interval.seconds, config.schedule.epoch_looks) == (HOUR, 720)
    assert (config.thresholds.psi.warning, config.thresholds.psi.alert) == (0.1, 0.2)
    assert not config.thresholds.HasField("ks")
    rules = config.hysteresis
    assert (rules.bad_looks, rules.of_looks, rules.good_looks) == (2, 3, 3)
    assert (config.cooldown.seconds, config.least_rows) == (HOUR, 100)
    assert config.etag
    assert not config.HasField("update_time")


async def test_a_default_that_depends_on_another_field_follows_it(ask: Ask, model: Model) -> None:
    await ask("UpdateAlertConfig", update(config={"schedule": {"interval": Duration(seconds=300)}}))
    schedule = (await kept(ask)).schedule
    assert (schedule.window.seconds, schedule.epoch_looks) == (300, 8640)
    await ask("UpdateAlertConfig", update(config={"schedule": {"interval": Duration(seconds=86_400)}}))
    schedule = (await kept(ask)).schedule
    assert (schedule.window.seconds, schedule.epoch_looks) == (86_400, 30)


async def test_a_statistic_that_is_asked_for_without_bands_has_its_defaults(ask: Ask, model: Model) -> None:
    given = {
        "thresholds": {"ks": {}, "psi": {"off": True}},
        "feature_thresholds": {"age": {"psi": {"alert": 0.05}}},
    }
    await ask("UpdateAlertConfig", update(config=given))
    config = await kept(ask)
    assert (config.thresholds.ks.warning, config.thresholds.ks.alert) == (0.1, 0.2)
    assert config.thresholds.psi.off
    own = config.feature_thresholds["age"]
    assert (own.psi.warning, own.psi.alert) == (0.05, 0.05)
    assert not own.HasField("missing")


async def test_only_what_the_mask_names_changes(ask: Ask, model: Model) -> None:
    await ask("UpdateAlertConfig", update(config={"least_rows": 500, "cooldown": Duration(seconds=5)}))
    given = {"least_rows": 900, "schedule": {"enabled": True}}
    await ask("UpdateAlertConfig", update("schedule.enabled", config=given))
    config = await kept(ask)
    assert (config.least_rows, config.cooldown.seconds, config.schedule.enabled) == (500, 5, True)
    await ask("UpdateAlertConfig", update("cooldown", "least_rows"))
    config = await kept(ask)
    assert (config.least_rows, config.cooldown.seconds) == (100, HOUR)


async def test_the_schedule_starts_when_it_is_enabled_or_its_interval_changes(
    ask: Ask, model: Model, clock: Clock
) -> None:
    begun = clock.time
    await ask(
        "UpdateAlertConfig", update(config={"schedule": {"enabled": True, "start_time": {"seconds": 5}}})
    )
    clock.time += 50
    await ask("UpdateAlertConfig", update(config={"least_rows": 50}))
    await ask("UpdateAlertConfig", update("*", config={"schedule": {"enabled": True}}))
    assert (await kept(ask)).schedule.start_time.seconds == begun
    given = {"schedule": {"enabled": True, "interval": Duration(seconds=60)}}
    await ask("UpdateAlertConfig", update("*", config=given))
    assert (await kept(ask)).schedule.start_time.seconds == clock.time


async def test_who_has_not_seen_the_latest_settings_is_refused(ask: Ask, model: Model) -> None:
    seen = await kept(ask)
    await ask("UpdateAlertConfig", update(config={"least_rows": 50, "etag": seen.etag}))
    with pytest.raises(RemoteError, match="read them again") as refused:
        await ask("UpdateAlertConfig", update(config={"least_rows": 60, "etag": seen.etag}))
    assert (refused.value.reason, (await kept(ask)).least_rows) == ("STALE_ETAG", 50)
    await ask("UpdateAlertConfig", update(config={"least_rows": 60, "etag": (await kept(ask)).etag}))
    assert (await kept(ask)).least_rows == 60


async def test_what_is_only_checked_changes_nothing(ask: Ask, model: Model) -> None:
    seen = await kept(ask)
    answer = await ask("UpdateAlertConfig", update(config={"least_rows": 50}, validate_only=True))
    assert answer.config.least_rows == 50
    assert await kept(ask) == seen


async def test_the_same_request_again_answers_the_same_and_undoes_nothing(ask: Ask, model: Model) -> None:
    request = update(config={"least_rows": 50}, request_id="7d0c")
    first = await ask("UpdateAlertConfig", request)
    await ask("UpdateAlertConfig", update(config={"least_rows": 60}))
    assert await ask("UpdateAlertConfig", request) == first
    assert (await kept(ask)).least_rows == 60
    with pytest.raises(RemoteError) as refused:
        await ask("UpdateAlertConfig", update(config={"least_rows": 70}, request_id="7d0c"))
    assert refused.value.reason == "REQUEST_ID_REUSED"


async def test_a_secret_is_never_shown_nor_logged_and_is_kept(
    ask: Ask, model: Model, connections: Connections, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await ask("UpdateAlertConfig", update(config=hooked()))
    for config in (answer.config, await kept(ask)):
        (webhook,) = config.webhooks
        assert (webhook.secret_set, webhook.HasField("secret")) == (True, False)
        assert (dict(webhook.headers), webhook.url) == ({"X-Key": "***"}, URL)
        assert (webhook.format, webhook.min_severity) == (WEBHOOK_FORMAT_JSON, ALERT_SEVERITY_WARNING)
    # Whoever reads, changes something and writes it back keeps what was hidden from him.
    given = await kept(ask)
    given.least_rows = 77
    await ask("UpdateAlertConfig", rpc.UpdateAlertConfigRequest(model="churn", config=given))
    place = alert_keys.alert_configs(partition_for(model.uid))
    stored = AlertConfig.FromString(await connections.steady.hget(place, model.uid) or b"")
    assert (stored.webhooks[0].secret, dict(stored.webhooks[0].headers)) == (SECRET, {"X-Key": "k123"})
    assert SECRET not in caplog.text


async def test_a_secret_goes_nowhere_else(ask: Ask, model: Model) -> None:
    """Who may change the settings could otherwise have a header sent to a server of his."""
    await ask("UpdateAlertConfig", update(config=hooked()))
    elsewhere = hooked(url="https://elsewhere.example/", headers={})
    del elsewhere["webhooks"][0]["secret"]
    answer = await ask("UpdateAlertConfig", update(config=elsewhere))
    assert not answer.config.webhooks[0].secret_set
    given = hooked(url="https://x.example/", headers={"X-Key": "***"})
    with pytest.raises(RemoteError, match="give it again") as refused:
        await ask("UpdateAlertConfig", update(config=given))
    assert refused.value.fields[0].field == "config.webhooks[0].headers['X-Key']"


async def test_an_empty_secret_removes_it(ask: Ask, model: Model) -> None:
    await ask("UpdateAlertConfig", update(config=hooked()))
    await ask("UpdateAlertConfig", update(config=hooked(secret="")))
    assert not (await kept(ask)).webhooks[0].secret_set


async def test_what_might_not_be_meant_is_said(ask: Ask, model: Model) -> None:
    answer = await ask("UpdateAlertConfig", update(config={"schedule": {"enabled": True}}))
    assert any("no active baseline" in said for said in answer.warnings)
    assert any("no webhook" in said for said in answer.warnings)
    await ask("CreateBaseline", creation())
    answer = await ask("UpdateAlertConfig", update(config=hooked()))
    assert answer.warnings == []


async def test_a_schedule_that_cannot_do_what_it_says_is_told_so(ask: Ask, model: Model) -> None:
    north, south = Segment(name="region", value="north"), Segment(name="region", value="south")
    quiet = {name: {"off": True} for name in ("psi", "missing", "unseen")}
    schedule = {"enabled": True, "segments": [north, south]}

    async def said(**changes: Any) -> list[str]:
        given = {**hooked(), "schedule": schedule, **changes}
        return list((await ask("UpdateAlertConfig", update(config=given))).warnings)

    await ask("CreateBaseline", creation(baseline_id="north", segment=north))
    whole, part = await said()
    assert whole.startswith("The model has no active baseline: looks find nothing")
    assert part.startswith("The segment region = 'south' has no active baseline: its looks find nothing")
    for changes in ({}, {"segment": south}):
        await ask("CreateBaseline", creation(**changes))
    assert await said() == []
    (off,) = await said(thresholds=quiet)
    assert off.startswith("Every statistic is off: no look is bad")
    assert await said(thresholds={**quiet, "ks": {}}) == []
    assert await said(thresholds=quiet, feature_thresholds={"age": {"psi": {}}}) == []


@pytest.mark.parametrize(("right", "wrong", "field"), LIMITS.values(), ids=LIMITS)
async def test_each_limit_is_kept_from_both_sides(
    ask: Ask, model: Model, right: dict[str, Any], wrong: dict[str, Any], field: str
) -> None:
    await ask("CreateBaseline", creation())
    await ask("UpdateAlertConfig", update("*", config=right))
    seen = await kept(ask)
    with pytest.raises(RemoteError) as refused:
        await ask("UpdateAlertConfig", update("*", config=wrong))
    assert refused.value.code == "INVALID_ARGUMENT"
    assert f"config.{field}" in [each.field for each in refused.value.fields]
    assert await kept(ask) == seen


GHOST, NOBODY = rpc.GetAlertConfigRequest(model="ghost"), rpc.UpdateAlertConfigRequest()
OTHER = rpc.ListAlertsRequest(model="churn", page_token="abc")
WRONG: dict[str, tuple[str, Any, str, str, str]] = {
    "an unknown model": (
        "GetAlertConfig",
        rpc.GetAlertConfigRequest(model="ghost"),
        "MODEL_NOT_FOUND",
        "model",
        "models/ghost",
    ),
    "no model": (
        "UpdateAlertConfig",
        rpc.UpdateAlertConfigRequest(),
        "INVALID_ARGUMENT",
        "model",
        "required",
    ),
    "nothing to change": (
        "UpdateAlertConfig",
        update(),
        "INVALID_ARGUMENT",
        "update_mask",
        "name the fields to change",
    ),
    "a path that leads nowhere": (
        "UpdateAlertConfig",
        update("schedule.often"),
        "INVALID_ARGUMENT",
        "update_mask",
        "leads nowhere",
    ),
    "a path of the service's own": (
        "UpdateAlertConfig",
        update("update_time"),
        "INVALID_ARGUMENT",
        "update_mask",
        "is set by the service",
    ),
    "a request id without end": (
        "UpdateAlertConfig",
        update(config={"least_rows": 50}, request_id="x" * 65),
        "INVALID_ARGUMENT",
        "request_id",
        "longer than 64",
    ),
    "nobody to tell": (
        "TestAlert",
        rpc.TestAlertRequest(model="churn"),
        "NO_WEBHOOKS",
        "",
        "UpdateAlertConfig",
    ),
    "a page token of another list": (
        "ListAlerts",
        rpc.ListAlertsRequest(model="churn", page_token="abc"),
        "BAD_PAGE_TOKEN",
        "page_token",
        "",
    ),
    "a state that there is not": (
        "ListAlerts",
        rpc.ListAlertsRequest(model="churn", state=cast("Any", 9)),
        "INVALID_ARGUMENT",
        "state",
        "ALERT_STATE_FIRING",
    ),
    "a state that no alert has": (
        "ListAlerts",
        rpc.ListAlertsRequest(model="churn", state=ALERT_STATE_PENDING),
        "INVALID_ARGUMENT",
        "state",
        "state is one of ALERT_STATE_FIRING, ALERT_STATE_RESOLVED; got ALERT_STATE_PENDING",
    ),
    "a severity that there is not": (
        "ListAlerts",
        rpc.ListAlertsRequest(model="churn", min_severity=cast("Any", 7)),
        "INVALID_ARGUMENT",
        "min_severity",
        "ALERT_SEVERITY_",
    ),
    "a negative page": (
        "ListAlerts",
        rpc.ListAlertsRequest(model="churn", page_size=-1),
        "INVALID_ARGUMENT",
        "page_size",
        "",
    ),
}


@pytest.mark.parametrize(("method", "request_", "reason", "field", "said"), WRONG.values(), ids=WRONG)
async def test_errors_name_the_reason_the_field_and_what_would_be_right(
    ask: Ask, model: Model, method: str, request_: Any, reason: str, field: str, said: str
) -> None:
    with pytest.raises(RemoteError) as refused:
        await ask(method, request_)
    assert refused.value.reason == reason
    assert said in refused.value.message
    assert not field or refused.value.fields[0].field == field
