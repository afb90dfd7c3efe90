"""`turnout routers share`: who may see a router, ask it and change it."""

from typing import Annotated, Any

import typer
from rich.text import Text
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.model_pb2 import Permissions
from turnout.router.v1.router_pb2 import Router

from services.cli import tables
from services.cli.complaints import say
from services.cli.connecting import Suite, carry_out
from services.cli.declared.changes import fresh_id
from services.cli.options import RouterServer, Shape
from services.cli.routers.options import DryRun, Etag, Name
from services.cli.speech import Output, document, tell

# By role, the field that names who has it: each may do what those before it may.
ROLES = {"viewer": "viewers", "predictor": "predictors", "editor": "editors"}
Users = list[str] | None


def _users(said: str) -> Any:
    return typer.Option(metavar="USER", show_default=False, help=said)


def share(
    name: Name,
    viewer: Annotated[Users, _users("May see it; may be repeated, as all of these.")] = None,
    predictor: Annotated[Users, _users("May send it predictions, and feedback on them.")] = None,
    editor: Annotated[Users, _users("May change it.")] = None,
    revoke: Annotated[Users, _users("Has none of these roles any more.")] = None,
    public_view: Annotated[bool | None, typer.Option(help="Everybody may see it.")] = None,
    public_predict: Annotated[bool | None, typer.Option(help="Everybody may send it predictions.")] = None,
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Say who may do what with a router, or without an option show it. Who is not named keeps his role; who
    gets another has that one alone."""
    given = {"viewer": viewer or [], "predictor": predictor or [], "editor": editor or []}
    named = [user for users in (*given.values(), revoke or []) for user in users]
    if len(set(named)) < len(named):
        raise typer.BadParameter("a user is named twice: the greater role has the lesser ones")
    asked = named or public_view is not None or public_predict is not None

    async def change(suite: Suite) -> Router:
        read: Router = (await suite.ask("GetRouter", rpc.GetRouterRequest(name=name))).router
        if not asked:
            return read
        wanted = changed(read.permissions, given, named)
        for user in revoke or []:
            if not any(user in getattr(read.permissions, field) for field in ROLES.values()):
                say(f"{user} has no role on {read.name}: there is nothing to revoke")
        wanted.public_view = read.permissions.public_view if public_view is None else public_view
        wanted.public_predict = read.permissions.public_predict if public_predict is None else public_predict
        request = rpc.UpdatePermissionsRequest(
            name=name,
            permissions=wanted,
            etag=etag or read.etag,
            validate_only=dry_run,
            request_id=fresh_id(),
        )
        router: Router = (await suite.ask("UpdatePermissions", request)).router
        return router

    show(carry_out("routers", server, change), output)


def changed(before: Permissions, given: dict[str, list[str]], named: list[str]) -> Permissions:
    """The permissions, where those that are `named` have the roles that they are `given` and no other."""
    made = Permissions()
    for role, field in ROLES.items():
        kept = [user for user in getattr(before, field) if user not in named]
        getattr(made, field).extend([*kept, *given[role]])
    return made


def show(router: Router, output: Output) -> None:
    """Who may do what, a row for each."""
    if output is not Output.TABLE:
        return tell(document(router.permissions), output)
    permissions = router.permissions
    table = tables.columns("who", "role")
    table.add_row(tables.name(router.owner or "administrators"), "owner")
    for role, field in reversed(ROLES.items()):
        public = {"viewer": permissions.public_view, "predictor": permissions.public_predict}.get(role)
        for user in getattr(permissions, field):
            table.add_row(tables.name(user), role)
        if public:
            table.add_row(Text("everybody", style="bold"), role)
    return tables.show(table)
