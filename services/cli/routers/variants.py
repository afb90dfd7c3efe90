"""`turnout routers weights`, `enable` and `disable`: who of a router's variants is asked."""

import difflib
from collections.abc import Sequence
from typing import Annotated

import typer
from turnout.router.v1 import router_service_pb2 as rpc
from turnout.router.v1.router_pb2 import Router

from services.cli.connecting import Suite, carry_out
from services.cli.declared.changes import fresh_id
from services.cli.options import RouterServer, Shape
from services.cli.routers import looking
from services.cli.routers.options import DryRun, Etag, Name
from services.cli.speech import Output
from services.foundation.errors import InvalidArgument

Variant = Annotated[str, typer.Argument(help="Id of the variant.")]


def weights(
    name: Name,
    weight: Annotated[list[str], typer.Argument(metavar="VARIANT=WEIGHT...", help="As a=70 b=30.")],
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Set weights of several variants at once; those that are not named keep theirs.

    Of a canary its percentage is set, as turnout routers weights churn new=25. Bandits learn theirs.
    """
    wanted = _weights(weight)

    async def change(suite: Suite) -> Router:
        read = (await suite.ask("GetRouter", rpc.GetRouterRequest(name=name))).router
        _check(read, wanted)
        request = rpc.SetWeightsRequest(
            name=name, weights=wanted, etag=etag or read.etag, validate_only=dry_run, request_id=fresh_id()
        )
        router: Router = (await suite.ask("SetWeights", request)).router
        return router

    looking.show(carry_out("routers", server, change), output)


def enable(
    name: Name,
    variant: Variant,
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Let a variant be chosen again."""
    looking.show(_toggled(name, variant, server, enabled=True, etag=etag, dry_run=dry_run), output)


def disable(
    name: Name,
    variant: Variant,
    etag: Etag = "",
    dry_run: DryRun = False,
    server: RouterServer = None,
    output: Shape = Output.TABLE,
) -> None:
    """Choose a variant no more; at least two stay enabled."""
    looking.show(_toggled(name, variant, server, enabled=False, etag=etag, dry_run=dry_run), output)


def _toggled(
    name: str, variant: str, server: str | None, *, enabled: bool, etag: str, dry_run: bool
) -> Router:
    request = rpc.ToggleVariantRequest(
        name=name,
        variant=variant,
        enabled=enabled,
        etag=etag,
        validate_only=dry_run,
        request_id=fresh_id(),
    )

    async def change(suite: Suite) -> Router:
        read = (await suite.ask("GetRouter", rpc.GetRouterRequest(name=name))).router
        _check(read, [variant])
        router: Router = (await suite.ask("ToggleVariant", request)).router
        return router

    return carry_out("routers", server, change)


def _weights(texts: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in texts:
        variant, sign, value = text.rpartition("=")
        try:
            found[variant] = float(value.removesuffix("%"))
        except ValueError:
            sign = ""
        if not (variant and sign):
            raise typer.BadParameter(f"{text!r}: write VARIANT=WEIGHT, such as a=70 b=30")
    if len(found) < len(texts):
        raise typer.BadParameter("a variant is named twice")
    return found


def _check(router: Router, variants: Sequence[str] | dict[str, float]) -> None:
    """Raises InvalidArgument for one that there is not, with those that there are."""
    known = [one.id for one in router.variants]
    for variant in variants:
        if variant not in known:
            close = difflib.get_close_matches(variant, known, 1)
            advice = f"did you mean {close[0]}?" if close else f"it has {', '.join(known)}"
            raise InvalidArgument(f"{router.name} has no variant {variant}; {advice}")
