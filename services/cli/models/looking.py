"""`turnout models list` and `get`."""

from collections.abc import Sequence
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Group, RenderableType
from rich.text import Text
from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import ConfidenceSource, FeatureKind, Model, Protocol

from services.cli import tables
from services.cli.connecting import Suite, carry_out
from services.cli.models.options import Name
from services.cli.numbers import moment, plural
from services.cli.options import RouterServer, Shape
from services.cli.speech import Output, document, plain, tell


def list_(
    family: Annotated[str, typer.Option(help="Only models of this family.")] = "",
    provider: Annotated[str, typer.Option(help="Only models of this provider.")] = "",
    alias: Annotated[str, typer.Option(help="Only the model that has it, as churn@champion.")] = "",
    most: Annotated[int, typer.Option("--most", "-n", min=1, help="How many, by name.")] = 1000,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """List the models that you may see."""
    request = rpc.ListModelsRequest(family=family, provider=provider, alias=alias)

    async def listed(suite: Suite) -> list[Model]:
        return await suite.listed("ListModels", "models", request, most)

    found = carry_out("models", server, listed)
    if output is Output.TABLE:
        tables.show(rows(found) if found else Text("no models"))
    else:
        tell([document(one) for one in found], output)


def get(name: Name, server: RouterServer = None, output: Shape = Output.TABLE) -> None:
    """Show a model: where it is, what it reads and what it says."""

    async def read(suite: Suite) -> Model:
        found: Model = (await suite.ask("GetModel", rpc.GetModelRequest(name=name))).model
        return found

    show(carry_out("models", server, read), output)


def show(model: Model, output: Output, warnings: Sequence[str] = ()) -> None:
    """A model as it was read or written, and what there is to know of a change."""
    if output is not Output.TABLE:
        return tell(document(model), output)
    return tables.show(Group(view(model), *(Text(f"! {plain(one)}", style="yellow") for one in warnings)))


def rows(models: Sequence[Model]) -> RenderableType:
    """A row each."""
    table = tables.columns(
        "model", "protocol", "endpoints", "family", "provider", "aliases", "timeout", right=1
    )
    for one in models:
        words = (one.name.partition("/")[2], protocol(one), _endpoints(one), one.family, one.provider)
        aliases = " ".join(one.aliases)
        table.add_row(
            *map(tables.name, words), plain(aliases), f"{one.timeout.ToTimedelta().total_seconds():g} s"
        )
    return table


def view(model: Model) -> RenderableType:
    """All that people ask of one."""
    table = tables.columns("model", plain(model.name))
    facts = {
        "protocol": protocol(model),
        "endpoints": "\n".join(one.address for one in model.endpoints),
        "aliases": " ".join(model.aliases),
        "version": model.version,
        "family": model.family,
        "provider": model.provider,
        "timeout": f"{model.timeout.ToTimedelta().total_seconds():g} s",
        "reads": _features(model),
        "says": " or ".join(model.signature.outputs.class_order),
        "confidence": ConfidenceSource.Name(model.confidence_from).partition("SOURCE_")[2].lower(),
        "cost": " ".join(f"{key} {value}" for key, value in MessageToDict(model.cost).items()),
        "owner": model.owner,
        "changed": f"{moment(model.update_time)} UTC, generation {model.generation}",
    }
    for what, told in facts.items():
        if told and told != "unspecified":
            table.add_row(Text(what, style="dim"), plain(told))
    return table


def protocol(model: Model) -> str:
    """How it is spoken to, in a word or two."""
    return Protocol.Name(model.protocol).removeprefix("PROTOCOL_").lower().replace("_", " ")


def _endpoints(model: Model) -> str:
    first = model.endpoints[0].address if model.endpoints else ""
    return first if len(model.endpoints) < 2 else f"{first} and {len(model.endpoints) - 1} more"


def _features(model: Model) -> str:
    found = model.signature.features
    if not found:
        return ""
    told = ", ".join(f"{one.name} ({FeatureKind.Name(one.kind)[13:].lower()})" for one in found[:12])
    return f"{plural(len(found), 'feature')}: {told}" + (" …" if len(found) > 12 else "")
