"""`turnout models register` and `update`: of a file, or of a few words."""

from typing import Annotated, Any

import typer
from turnout.router.v1 import model_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Model

from services.cli.connecting import Suite, carry_out
from services.cli.declared.changes import fresh_id
from services.cli.declared.shaping import meant
from services.cli.declared.single import single
from services.cli.models import looking
from services.cli.models.options import DryRun, Name
from services.cli.options import RouterServer, Shape
from services.cli.speech import Output

PROTOCOLS = {
    "oip": "PROTOCOL_OIP_GRPC",
    "openai-chat": "PROTOCOL_OPENAI_CHAT",
    "openai-embeddings": "PROTOCOL_OPENAI_EMBEDDINGS",
}
File = Annotated[
    str, typer.Option("--file", "-f", metavar="FILE|-", help="YAML or JSON with the model's fields.")
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option("--endpoint", "-e", metavar="HOST:PORT", help="Where it answers; may be given again."),
]
Spoken = Annotated[str, typer.Option("--protocol", metavar="|".join(PROTOCOLS), help="How it is spoken to.")]
Timeout = Annotated[str, typer.Option(metavar="TIME", help="The strict timeout of a call: 500ms, 2s.")]
Family = Annotated[str, typer.Option(help="Model family, such as llama.")]
Provider = Annotated[str, typer.Option(help="Who provides it.")]
Version = Annotated[str, typer.Option("--model-version", help="The model's own version.")]


def register(
    name: Annotated[str, typer.Argument(help="Id of the new model; may stand in the file instead.")] = "",
    file: File = "",
    endpoint: Endpoints = None,
    protocol: Spoken = "",
    timeout: Timeout = "",
    family: Family = "",
    provider: Provider = "",
    version: Version = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Register a model, such as turnout models register churn -e 127.0.0.1:8001 --timeout 500ms.

    What a file says, options replace. A signature needs a file; turnout models test shows what the model
    says of itself.
    """
    told = _told(name, file, endpoint, protocol or ("" if file else "oip"), timeout or ("" if file else "5s"))
    model = single("models", _with(told, family=family, provider=provider, version=version), file).message
    request = rpc.RegisterModelRequest(model=model, validate_only=dry_run, request_id=fresh_id())

    async def made(suite: Suite) -> Model:
        found: Model = (await suite.ask("RegisterModel", request)).model
        return found

    looking.show(carry_out("models", server, made), output)


def update(
    name: Name,
    file: File = "",
    endpoint: Endpoints = None,
    protocol: Spoken = "",
    timeout: Timeout = "",
    family: Family = "",
    provider: Provider = "",
    version: Version = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Change what is given of a model, and nothing else; turnout apply replaces the whole of it."""
    told = _told(name, file, endpoint, protocol, timeout)
    model = single("models", _with(told, family=family, provider=provider, version=version), file).message

    async def changed(suite: Suite) -> Any:
        read = await suite.ask("GetModel", rpc.GetModelRequest(name=model.name))
        model.etag = read.model.etag
        request = rpc.UpdateModelRequest(model=model, validate_only=dry_run, request_id=fresh_id())
        return await suite.ask("UpdateModel", request)

    reply = carry_out("models", server, changed)
    looking.show(reply.model, output, reply.warnings)


def _told(name: str, file: str, endpoint: list[str] | None, protocol: str, timeout: str) -> dict[str, Any]:
    if protocol and protocol not in PROTOCOLS:
        raise typer.BadParameter(f"--protocol {protocol!r}: {meant(protocol, PROTOCOLS)}")
    if not name and not file:
        raise typer.BadParameter("name the model, or give a file that does")
    addresses = [{"address": one} for one in endpoint or ()]
    return _with({}, name=name, endpoints=addresses, protocol=PROTOCOLS.get(protocol), timeout=timeout)


def _with(told: dict[str, Any], **more: Any) -> dict[str, Any]:
    return told | {key: value for key, value in more.items() if value}
