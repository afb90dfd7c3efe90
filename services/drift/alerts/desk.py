"""What the methods on alerts stand on."""

from collections.abc import Sequence
from dataclasses import dataclass

from turnout.drift.v1.alert_config_pb2 import AlertConfig, AlertSeverity, Webhook
from turnout.drift.v1.alert_pb2 import ALERT_KIND_DRIFT, ALERT_STATE_FIRING, Alert
from turnout.drift.v1.alert_rpc_pb2 import WebhookTrial
from turnout.router.v1.model_pb2 import Model

from services.drift.alerts.addresses import Reach
from services.drift.alerts.alert_store import AlertStore
from services.drift.alerts.config_store import AlertConfigStore
from services.drift.alerts.errors import NoWebhooks
from services.drift.alerts.feed import AlertFeed
from services.drift.alerts.payload import TEST
from services.drift.alerts.sender import Sender
from services.drift.wire import timestamp
from services.foundation.errors import InvalidArgument
from services.foundation.identity.caller import Caller
from services.foundation.rules import Role
from services.state import formats
from services.state.permissions import CatalogPermissions


@dataclass(frozen=True, slots=True)
class AlertDesk:
    """Settings, alerts, the feed of those who watch. permissions: None where access is open."""

    configs: AlertConfigStore
    store: AlertStore
    sender: Sender
    feed: AlertFeed
    permissions: CatalogPermissions | None
    reach: Reach

    def edits(self, caller: Caller, model: Model) -> bool:
        """Whether the caller may change the model, and so see where its webhooks lead."""
        return self.permissions is None or self.permissions.may(caller, Role.EDITOR, model)

    def shows(self, caller: Caller, model: str) -> bool:
        """Whether the caller may see a model, from memory, by its name."""
        return self.permissions is None or self.permissions.shown(caller)(model)

    async def forget(self, model_uid: str) -> None:
        """Remove everything of a model that is no more."""
        await self.configs.forget(model_uid)
        await self.store.forget(model_uid)


def chosen(config: AlertConfig, ids: Sequence[str], model: str) -> list[Webhook]:
    """The webhooks of these ids, or all. Raises NoWebhooks, or InvalidArgument for an id that is none's."""
    if not config.webhooks:
        said = f"{model} has no webhooks; add one first (UpdateAlertConfig, config.webhooks)"
        raise NoWebhooks(said, model=model)
    known = {webhook.id: webhook for webhook in config.webhooks}
    for index, id_ in enumerate(ids):
        if id_ not in known:
            said = f"{id_[:100]!r} is no webhook of {model}; it has {', '.join(known)}"
            raise InvalidArgument(f"webhooks[{index}] {said}", fields=[(f"webhooks[{index}]", said)])
    return [known[id_] for id_ in dict.fromkeys(ids)] or list(known.values())


async def tried(sender: Sender, webhook: Webhook, model: str, id_: str, now: float) -> WebhookTrial:
    """Tell a webhook, once, that this is a test."""
    alert = Alert(
        format=formats.ALERT,
        name=f"{model}/alerts/test",
        model=model,
        kind=ALERT_KIND_DRIFT,
        state=ALERT_STATE_FIRING,
        severity=AlertSeverity.Name(webhook.min_severity),
        fire_time=timestamp(now),
        change_time=timestamp(now),
        summary="This is a test: nothing has happened.",
    )
    outcome = await sender.send(webhook, TEST, id_, alert)
    trial = WebhookTrial(
        webhook=webhook.id, delivered=outcome.delivered, status_code=outcome.status, error=outcome.error
    )
    trial.latency.FromMicroseconds(int(outcome.seconds * 1e6))
    return trial
