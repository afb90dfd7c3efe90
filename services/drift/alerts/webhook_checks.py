"""What is wrong with webhooks."""

import re
from collections.abc import Iterator, Sequence

from turnout.drift.v1.alert_config_pb2 import AlertSeverity, Webhook, WebhookFormat

from services.drift.alerts.addresses import Reach, problem
from services.foundation.errors import FieldViolation
from services.state.names import ID, ID_RULE

MOST_WEBHOOKS = 10
LONGEST_SECRET = 512
# A shorter key can be found by trying.
SHORTEST_SECRET = 16
MOST_HEADERS = 20
LONGEST_HEADER = 1_000
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# The delivery says these itself, or the connection does.
OWN = frozenset(
    ("host", "content-length", "content-type", "transfer-encoding", "connection", "idempotency-key")
)
OWN_PREFIX = "turnout-"


def webhook_problems(webhooks: Sequence[Webhook], reach: Reach = "any") -> Iterator[FieldViolation]:
    """What is wrong with them, each by its field."""
    if len(webhooks) > MOST_WEBHOOKS:
        yield FieldViolation("config.webhooks", f"{len(webhooks)} given; {MOST_WEBHOOKS} at most")
        return
    seen = set[str]()
    for index, webhook in enumerate(webhooks):
        where = f"config.webhooks[{index}]"
        if not ID.fullmatch(webhook.id):
            yield FieldViolation(f"{where}.id", f"must be {ID_RULE}; got {webhook.id[:100]!r}")
        elif webhook.id in seen:
            yield FieldViolation(f"{where}.id", f"{webhook.id} is given twice")
        seen.add(webhook.id)
        yield from _one(webhook, where, reach)


def _one(webhook: Webhook, where: str, reach: Reach) -> Iterator[FieldViolation]:
    if wrong := problem(webhook.url, reach):
        yield FieldViolation(f"{where}.url", wrong)
    if webhook.secret and not SHORTEST_SECRET <= len(webhook.secret) <= LONGEST_SECRET:
        said = f"has {len(webhook.secret)} characters; {SHORTEST_SECRET} to {LONGEST_SECRET}"
        yield FieldViolation(f"{where}.secret", said)
    if webhook.format not in WebhookFormat.values():
        yield FieldViolation(f"{where}.format", f"must be {_names(WebhookFormat.keys())}")
    if webhook.min_severity not in AlertSeverity.values():
        yield FieldViolation(f"{where}.min_severity", f"must be {_names(AlertSeverity.keys())}")
    yield from _headers(webhook, where)


def _headers(webhook: Webhook, where: str) -> Iterator[FieldViolation]:
    if len(webhook.headers) > MOST_HEADERS:
        yield FieldViolation(f"{where}.headers", f"{len(webhook.headers)} given; {MOST_HEADERS} at most")
        return
    for name, value in sorted(webhook.headers.items()):
        field = f"{where}.headers[{name[:100]!r}]"
        if not TOKEN.fullmatch(name):
            yield FieldViolation(field, "is no name of a header: letters, digits and hyphens, at most 100")
        elif name.lower() in OWN or name.lower().startswith(OWN_PREFIX):
            yield FieldViolation(field, "is set by the delivery itself")
        elif len(value) > LONGEST_HEADER:
            yield FieldViolation(field, f"has {len(value)} characters; {LONGEST_HEADER} at most")
        elif any(not " " <= character < "\x7f" for character in value):
            yield FieldViolation(field, "must be printable ASCII")


def _names(keys: Sequence[str]) -> str:
    return f"one of {', '.join(list(keys)[1:])}"
