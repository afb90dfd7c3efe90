"""`turnout export`: what there is, as a file that `turnout apply` takes and finds unchanged."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from turnout.drift.v1 import alert_rpc_pb2
from turnout.router.v1 import model_service_pb2, router_service_pb2
from turnout.router.v1.router_pb2 import RouterState

from services.cli import completing, rooms
from services.cli.connecting import Visit, visit
from services.cli.declared.differences import plain
from services.cli.declared.kinds import REGISTERED, RUNNING, STOPPED
from services.cli.options import Gateway
from services.cli.speech import Output, tell


def application() -> typer.Typer:
    """The command."""
    made = rooms.app("Write what there is as a file that apply takes.")
    made.command("export")(export)
    return made


def export(
    router: Annotated[
        list[str] | None,
        typer.Option(help="This router; may be given again.", autocompletion=completing.routers),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="This model; may be given again.", autocompletion=completing.models),
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="yaml or json.")] = Output.YAML,
    server: Gateway = None,
) -> None:
    """Write models, their alert configs and routers as one file: apply finds nothing to do with it.

    Without --router or --model, everything that you may see. Not in it: baselines, which are made of files of
    their own, and secrets, which nobody is shown again.
    """

    async def errand(suite: Visit) -> dict[str, Any]:
        everything = not router and not model
        models = await _models(suite, model or (), everything)
        routers = await _routers(suite, router or (), everything)
        alerts = await _alert_configs(suite, [one["name"] for one in models])
        found = {"models": models, "alert_configs": alerts, "routers": routers}
        return {section: items for section, items in found.items() if items}

    tell(visit(server, errand), Output.JSON if output is Output.JSON else Output.YAML)


async def _models(suite: Visit, names: Sequence[str], everything: bool) -> list[Any]:
    door = suite.to("models")
    if everything:
        found = await door.listed("ListModels", "models", model_service_pb2.ListModelsRequest())
    else:
        asked = [model_service_pb2.GetModelRequest(name=name) for name in names]
        found = [(await door.ask("GetModel", one)).model for one in asked]
    return [plain(one) for one in found]


async def _routers(suite: Visit, names: Sequence[str], everything: bool) -> list[Any]:
    door = suite.to("routers")
    if everything:
        found = await door.listed("ListRouters", "routers", router_service_pb2.ListRoutersRequest())
    else:
        asked = [router_service_pb2.GetRouterRequest(name=name) for name in names]
        found = [(await door.ask("GetRouter", one)).router for one in asked]
    return [_with_state(one) for one in found]


async def _alert_configs(suite: Visit, models: Sequence[str]) -> list[Any]:
    found = []
    for model in models:
        asked = alert_rpc_pb2.GetAlertConfigRequest(model=model)
        config = (await suite.to("drift").ask("GetAlertConfig", asked)).config
        # Without a time it is that of every model.
        if config.HasField("update_time"):
            found.append({"model": model, **plain(config)})
    return found


def _with_state(router: Any) -> Any:
    """What is on its way to run, or failed to, was to run."""
    state = RouterState.Name(router.state)
    shown = plain(router)
    return {"name": shown.pop("name"), "state": state if state in (REGISTERED, STOPPED) else RUNNING, **shown}
