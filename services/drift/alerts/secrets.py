"""What of the settings nobody reads again: secrets, values of headers, and the path of a webhook for those
who may not change it, as it is a secret itself where Slack is concerned."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from turnout.drift.v1.alert_config_pb2 import AlertConfig, Webhook

from services.foundation.errors import FieldViolation, InvalidArgument

HIDDEN = "***"


def redacted(config: AlertConfig, *, editor: bool) -> AlertConfig:
    """The settings as they are shown."""
    shown = AlertConfig()
    shown.CopyFrom(config)
    for webhook in shown.webhooks:
        webhook.secret_set = bool(webhook.secret)
        webhook.ClearField("secret")
        for name in webhook.headers:
            webhook.headers[name] = HIDDEN
        if not editor:
            webhook.url = without_path(webhook.url)
    return shown


def without_path(url: str) -> str:
    """Scheme and host: what logs and strangers may see.

    >>> without_path("https://hooks.slack.com/services/T0/B0/xyz?a=b")
    'https://hooks.slack.com/***'
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/{HIDDEN}"


def keep(before: Iterable[Webhook], given: Iterable[Webhook]) -> None:
    """Give webhooks back what was hidden from whoever read them, where id and url are as they were: a secret
    that could be sent elsewhere would be read there.

    Raises InvalidArgument where there is nothing to keep."""
    known = {(one.id, one.url): one for one in before}
    wrong = list[FieldViolation]()
    for index, webhook in enumerate(given):
        held = known.get((webhook.id, webhook.url), Webhook())
        webhook.ClearField("secret_set")
        if not webhook.HasField("secret") and held.secret:
            webhook.secret = held.secret
        wrong += _keep_headers(held, webhook, f"config.webhooks[{index}]")
    if wrong:
        raise InvalidArgument(f"{wrong[0].field}: {wrong[0].description}", fields=wrong[:20])


def _keep_headers(held: Webhook, webhook: Webhook, where: str) -> Iterator[FieldViolation]:
    for name, value in list(webhook.headers.items()):
        if value != HIDDEN:
            continue
        if name in held.headers:
            webhook.headers[name] = held.headers[name]
        else:
            said = f"{HIDDEN} keeps a value, and there is none of this id and url: give it again"
            yield FieldViolation(f"{where}.headers[{name[:100]!r}]", said)
