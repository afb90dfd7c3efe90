"""`turnout rewards`: what a router has learnt, arm by arm, and where its traffic goes."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text
from turnout.feedback.v1.feedback_service_pb2 import GetRewardsRequest
from turnout.feedback.v1.rewards_pb2 import Arm, RewardSnapshot
from turnout.router.v1 import router_service_pb2 as routers
from turnout.router.v1.strategy_pb2 import BanditAlgorithm

from services.cli import rooms, tables
from services.cli.completing import routers as known
from services.cli.connecting import Visit, visit
from services.cli.numbers import ABSENT, given, moment, number, percent, span
from services.cli.options import Gateway, Last, Shape
from services.cli.sparkline import sparkline
from services.cli.speech import Output, document, plain, tell
from services.foundation.errors import TurnoutError

HELP = "What a router has learnt: its arms, their rewards, and where traffic goes."
HOUR = timedelta(hours=1)

Past = Mapping[str, Sequence[float]]


def rewards(
    router: Annotated[
        str, typer.Argument(help="The router, as churn or routers/churn.", autocompletion=known)
    ],
    last: Last = None,
    server: Gateway = None,
    output: Shape = Output.TABLE,
) -> None:
    """Show each arm with its draws, rewards, mean and interval, its share, and its traffic of late."""

    async def read(suite: Visit) -> tuple[RewardSnapshot, Past]:
        found = (await suite.to("feedback").ask("GetRewards", GetRewardsRequest(router=router))).rewards
        return found, await past(suite, router, last or HOUR) if output is Output.TABLE else {}

    found, drawn = visit(server, read)
    if output is Output.TABLE:
        tables.show(view(found, drawn, last or HOUR))
    else:
        tell(document(found), output)


async def past(suite: Visit, router: str, last: timedelta) -> Past:
    """Predictions of each variant by steps of the window, oldest first; nothing where nobody tells."""
    request = routers.GetMetricsRequest(
        name=router, group_by=[routers.METRIC_GROUP_VARIANT, routers.METRIC_GROUP_TIME]
    )
    request.window.FromTimedelta(last)
    try:
        rows = (await suite.to("routers").ask("GetMetrics", request)).rows
    except TurnoutError:
        # A picture beside the numbers, which stand without it.
        return {}
    times = sorted({row.start_time.ToNanoseconds() for row in rows})
    found: dict[str, list[float]] = {row.variant: [0.0] * len(times) for row in rows}
    for row in rows:
        found[row.variant][times.index(row.start_time.ToNanoseconds())] = float(row.requests)
    return found


def view(found: RewardSnapshot, drawn: Past, last: timedelta) -> RenderableType:
    """A row per arm; traffic of all arms on one scale. Where no bandit gives them shares, none are shown."""
    if not found.arms:
        return Text(f"{plain(found.router)}: nothing was drawn yet, and nothing learnt")
    top = max((value for values in drawn.values() for value in values), default=0.0)
    table = tables.columns(
        "arm", "share", "draws", "failed", "pending", "rewards", "mean", "95 %", "score", right=8
    )
    table.add_column(f"last {span(last.total_seconds())}", no_wrap=True)
    best = max(found.arms, key=lambda arm: arm.probability)
    for arm in found.arms:
        picture = Text(sparkline(drawn.get(arm.variant, ()), top), style="dim")
        table.add_row(*_arm(arm, strong=arm is best, shared=best.probability > 0), picture)
    algorithm = (
        BanditAlgorithm.Name(found.algorithm).removeprefix("BANDIT_ALGORITHM_").lower().replace("_", " ")
    )
    told = [found.router, found.reward_metric, algorithm if found.algorithm else ""]
    told.append(f"window of {found.reward_window:,}" if found.reward_window else "")
    told.append(f"as of {moment(found.compute_time)} UTC, version {found.version}")
    parts: list[RenderableType] = [table]
    if found.HasField("restart") and found.restart.count:
        said = f"! it noticed a change at {moment(found.restart.time)} UTC, and began again"
        parts.append(Text(said, style="yellow"))
    return Group(*parts, Text(plain(", ".join(filter(None, told))), style="dim"))


def _arm(arm: Arm, *, strong: bool, shared: bool) -> list[RenderableType]:
    low, high = given(arm, "posterior_low"), given(arm, "posterior_high")
    bounds = f"{number(low)} to {number(high)}" if low is not None else ABSENT
    newcomer = " (new)" if arm.newcomer else ""
    return [
        Text(plain(arm.variant) + newcomer, style="bold" if strong else ""),
        percent(arm.probability) if shared else ABSENT,
        f"{arm.pulls:,}",
        f"{arm.failures:,}",
        f"{arm.pending:,}",
        f"{arm.rewards:,}",
        number(given(arm, "mean")),
        bounds,
        number(given(arm, "score")),
    ]


def application() -> typer.Typer:
    """The command."""
    return rooms.single(HELP, rewards)
