"""`turnout keys`: make, list and revoke API keys."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text
from turnout.router.v1 import access_service_pb2 as rpc

from services.cli import durations, rooms, tables
from services.cli.complaints import say
from services.cli.connecting import Suite, carry_out
from services.cli.keys.secrets import kept
from services.cli.numbers import at, moment
from services.cli.options import RouterServer, Shape
from services.cli.speech import Output, document, plain, tell

HELP = "Keys for callers: make, list and revoke them."


def create(
    user: Annotated[str, typer.Argument(help="Whom the key speaks for.")],
    description: Annotated[str, typer.Option("--description", "-d", help="What it is for.")] = "",
    admin: Annotated[
        bool, typer.Option("--admin", help="An administrator's; it takes one to make it.")
    ] = False,
    expires: Annotated[
        timedelta | None,
        typer.Option(parser=durations.duration, metavar="TIME", help="Ends after 90m, 24h, 30d."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the secret there, for its owner's eyes alone.")
    ] = None,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Make a key. Its secret is shown this once, alone on standard output: KEY=$(turnout keys create ann)."""
    request = rpc.CreateApiKeyRequest(user=user, description=description, admin=admin)

    async def created(suite: Suite) -> rpc.CreateApiKeyResponse:
        if expires:
            request.expire_time.GetCurrentTime()
            request.expire_time.FromDatetime(at(request.expire_time) + expires)
        reply: rpc.CreateApiKeyResponse = await suite.ask("CreateApiKey", request)
        return reply

    with kept(out) as keep:
        made = carry_out("access", server, created)
        keep(made.secret)
    key = made.key
    until = f"until {moment(key.expire_time)} UTC" if key.HasField("expire_time") else "for ever"
    say(f"key {key.id} for {key.user}{', an administrator' if key.admin else ''}, {until}")
    if out is not None:
        say(f"its secret is in {out}")
    if output is not Output.TABLE:
        tell(document(made if out is None else rpc.CreateApiKeyResponse(key=key)), output)
    elif out is None:
        typer.echo(made.secret)


def list_(
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """List keys without their secrets: yours, or everybody's for an administrator."""

    async def listed(suite: Suite) -> list[rpc.ApiKey]:
        return await suite.listed("ListApiKeys", "keys", rpc.ListApiKeysRequest())

    found = carry_out("access", server, listed)
    if output is Output.TABLE:
        tables.show(view(found))
    else:
        tell([document(one) for one in found], output)


def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key, as turnout keys list shows it.")],
    server: RouterServer = None,
) -> None:
    """Revoke a key: whoever has it is refused within a second."""

    async def revoked(suite: Suite) -> None:
        await suite.ask("RevokeApiKey", rpc.RevokeApiKeyRequest(id=key))

    carry_out("access", server, revoked)
    say(f"key {key} is revoked")


def view(found: list[rpc.ApiKey]) -> RenderableType:
    """A row per key."""
    if not found:
        return Text("no keys")
    table = tables.columns("key", "user", "role", "created (UTC)", "expires (UTC)", "made by", "for")
    for one in found:
        table.add_row(
            one.id,
            tables.name(one.user),
            "admin" if one.admin else "caller",
            moment(one.create_time),
            moment(one.expire_time) if one.HasField("expire_time") else "never",
            tables.name(one.created_by),
            Text(plain(one.description)),
        )
    return table


def application() -> typer.Typer:
    """The command and all that it does."""
    app = rooms.app(HELP)
    app.command("create")(create)
    app.command("list")(list_)
    app.command("revoke")(revoke)
    return app
