"""Alert configs: every model has one, of defaults until it is changed."""

from google.protobuf.field_mask_pb2 import FieldMask
from turnout.drift.v1 import alert_rpc_pb2 as rpc
from turnout.drift.v1.alert_config_pb2 import AlertConfig

from services.cli.connecting import Visit
from services.cli.declared.changes import Change, fresh_id
from services.cli.declared.differences import plain
from services.cli.declared.loading import Declared

WHOLE = FieldMask(paths=["*"])


async def plan(visit: Visit, declared: Declared) -> Change:
    """What its service would make of it. Raises RemoteError."""
    suite, model = visit.to("drift"), declared.given["model"]
    live = (await suite.ask("GetAlertConfig", rpc.GetAlertConfigRequest(model=model))).config
    request = _request(declared, live.etag)
    request.validate_only = True
    reply = await suite.ask("UpdateAlertConfig", request)
    return Change(declared, _shown(live), _shown(reply.config), live.etag, list(reply.warnings))


async def carry_out(visit: Visit, change: Change) -> list[str]:
    """Make it so; what a reader should know. Raises RemoteError."""
    request = _request(change.declared, change.etag)
    request.request_id = fresh_id()
    return list((await visit.to("drift").ask("UpdateAlertConfig", request)).warnings)


def _request(declared: Declared, etag: str) -> rpc.UpdateAlertConfigRequest:
    config = AlertConfig(etag=etag)
    config.MergeFrom(declared.message)
    return rpc.UpdateAlertConfigRequest(model=declared.given["model"], config=config, update_mask=WHOLE)


def _shown(config: AlertConfig) -> dict[str, object]:
    """As plain values; of a secret only whether there is one, which is all that is told of it."""
    shown: dict[str, object] = plain(config)
    if config.webhooks:
        told = zip(plain_webhooks(shown), config.webhooks, strict=True)
        shown["webhooks"] = [{**one, "has a secret": hook.secret_set} for one, hook in told]
    return shown


def plain_webhooks(shown: dict[str, object]) -> list[dict[str, object]]:
    """The webhooks of a config in plain values."""
    webhooks = shown.get("webhooks")
    return webhooks if isinstance(webhooks, list) else []
