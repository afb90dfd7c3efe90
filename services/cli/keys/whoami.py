"""`turnout whoami`: whom the suite takes you for."""

import typer
from turnout.router.v1 import access_service_pb2 as rpc

from services.cli import rooms
from services.cli.complaints import ERROR
from services.cli.connecting import Suite, carry_out
from services.cli.options import RouterServer, Shape
from services.cli.speech import Output, document, plain, tell

HELP = "Whom the suite takes you for, and how it knows."
METHODS = {"api_key": "an API key", "jwt": "a token", "mtls": "a certificate"}


def whoami(server: RouterServer = None, output: Shape = Output.TABLE) -> None:
    """Say who you are to the suite. Ends with 1 where it does not know you."""

    async def asked(suite: Suite) -> rpc.WhoAmIResponse:
        reply: rpc.WhoAmIResponse = await suite.ask("WhoAmI", rpc.WhoAmIRequest())
        return reply

    found = carry_out("access", server, asked)
    if output is Output.TABLE:
        typer.echo(plain(sentence(found)))
    else:
        tell(document(found), output)
    if not found.roles:
        raise typer.Exit(ERROR)


def sentence(found: rpc.WhoAmIResponse) -> str:
    """Who it is, in a sentence.

    >>> sentence(rpc.WhoAmIResponse(user="ann", roles=["caller"], method="api_key"))
    'ann, a caller, by an API key'
    """
    if not found.roles:
        return "nobody: say who you are with --key-file FILE or TURNOUT_CLI_KEY"
    role = "an administrator" if "admin" in found.roles else "a caller"
    if found.method in METHODS:
        return f"{found.user}, {role}, by {METHODS[found.method]}"
    return f"{found.user or 'anybody'}, {role}: access is open"


def application() -> typer.Typer:
    """The command."""
    return rooms.single(HELP, whoami)
