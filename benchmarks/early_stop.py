"""What a staged jury spares: `python -m benchmarks.early_stop [--rows N]`.

Seven real models of digits, four families, five views, vote in full and in stages on the same unseen rows:
the share of calls that stages spare, and how many verdicts are the same. Asked in declared order, and the
cheapest first. Writes build/early_stop.json.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import NamedTuple

from turnout.aggregator.v1.aggregator_service_pb2 import InferResponse
from turnout.router.v1 import strategy_pb2 as strategy

from benchmarks.digits import PANEL, plan_of, served, unseen

AIM = 0.35
WRITTEN = Path("build/early_stop.json")


class Spared(NamedTuple):
    """Of so many rows: calls of the whole panel and of the staged one, verdicts that are the same, and the
    right ones of either."""

    order: str
    rows: int
    full: int
    staged: int
    same: int
    right_full: int
    right_staged: int

    @property
    def share(self) -> float:
        """Of the whole panel's calls."""
        return 1 - self.staged / self.full


def vote(**how: object) -> strategy.EnsembleStrategy:
    """A plurality vote."""
    method = strategy.AGGREGATION_METHOD_VOTE
    return strategy.EnsembleStrategy(aggregation=method, **how)  # type: ignore[arg-type]


def calls(reply: InferResponse) -> int:
    """Attempts that were made: whoever was spared has none."""
    return sum(one.attempt > 0 for one in reply.participants)


async def measure(order: str, rows: int, *, priced: bool) -> Spared:
    """Ask both about every row."""
    whole = plan_of(PANEL, vote(full_panel_fraction=1.0))
    staged = plan_of(PANEL, vote(full_panel_fraction=0.0, launch=strategy.LAUNCH_STAGED))
    features, labels = unseen(rows)
    found = Spared(order, len(labels), 0, 0, 0, 0, 0)
    async with served(*PANEL, priced=priced) as panel:
        for number, (row, truth) in enumerate(zip(features, labels, strict=True)):
            full, part = [await panel.ask(plan, row, number) for plan in (whole, staged)]
            said = [one.output.classification.label for one in (full, part)]
            now = (calls(full), calls(part), said[0] == said[1], said[0] == truth, said[1] == truth)
            counts = [before + more for before, more in zip(found[2:], now, strict=True)]
            found = Spared(order, len(labels), *counts)
    return found


def main() -> None:
    """Measure, print, write."""
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--rows", type=int, default=400, help="of the 1,197 unseen ones")
    rows = told.parse_args().rows
    found = [
        asyncio.run(measure("as declared", rows, priced=False)),
        asyncio.run(measure("cheapest first", rows, priced=True)),
    ]
    for one in found:
        print(
            f"{one.order}: {one.staged} calls of {one.full}, {one.share:.1%} spared (aim: at least {AIM:.0%},"
            f" {'held' if one.share >= AIM else 'missed'}); {one.same} of {one.rows} verdicts the same;"
            f" right: {one.right_full} in full, {one.right_staged} in stages"
        )
    WRITTEN.parent.mkdir(exist_ok=True)
    told_of = [{**one._asdict(), "share": one.share} for one in found]
    WRITTEN.write_text(json.dumps({"panel": PANEL, "aim": AIM, "found": told_of}, indent=2) + "\n")


if __name__ == "__main__":
    main()
