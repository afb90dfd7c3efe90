"""`turnout models delete` and `alias`."""

from typing import Annotated, Any

import typer
from rich.text import Text
from turnout.router.v1 import model_service_pb2 as rpc

from services.cli import tables
from services.cli.confirming import confirmed
from services.cli.connecting import Suite, carry_out
from services.cli.declared.changes import fresh_id
from services.cli.models.options import DryRun, Name
from services.cli.options import RouterServer, Shape, Yes
from services.cli.speech import Output, document, plain, tell


def delete(
    name: Name,
    yes: Yes = False,
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Forget a model; refused while a router uses it."""
    request = rpc.DeleteModelRequest(name=name, validate_only=dry_run, request_id=fresh_id())
    if not dry_run:
        confirmed(f"Delete the model {name}?", yes=yes)

    async def deleted(suite: Suite) -> Any:
        return (await suite.ask("DeleteModel", request)).model

    gone = carry_out("models", server, deleted)
    if output is Output.TABLE:
        tables.show(Text(f"{plain(gone.name)} {'would be' if dry_run else 'is'} deleted"))
    else:
        tell(document(gone), output)


def alias(
    name: Name,
    given: Annotated[str, typer.Argument(metavar="ALIAS", help="The alias, as churn@champion.")],
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Give a model an alias, which takes it from the one that had it; routers that use it follow."""
    request = rpc.SetAliasRequest(model=name, alias=given, validate_only=dry_run, request_id=fresh_id())

    async def moved(suite: Suite) -> Any:
        return await suite.ask("SetAlias", request)

    reply = carry_out("models", server, moved)
    if output is Output.TABLE:
        followed = ", ".join(reply.routers) or "no router uses it"
        tables.show(Text(f"{plain(reply.model.name)} is {' '.join(reply.model.aliases)}; {plain(followed)}"))
    else:
        tell(document(reply), output)
