"""Months of hourly looks in which nothing drifts, and some in which something does: `make calibration`.

Writes build/null_month.json. It fails where the share of false ones among what was told is above 5 % by more
than chance allows, or a planted shift is not told of within two days.
"""

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from services.drift.schedule.evidence import RATE
from tests.drift.proofs.months import Month, World, month
from tests.drift.proofs.nulls import Rate

# Of 75 months without a false word the true rate is below 5 % (Clopper and Pearson, 97.5 %).
NULLS = {"hourly": (World(), 75), "a day's window, hourly": (World(hours=24), 20)}
SHIFTED = {f"mean + {shift} sd": (World(shift=shift), 5) for shift in (0.1, 0.25, 0.5, 1.0)}
TWO_DAYS = 48


def one(world: World, seed: int) -> Month:
    """A month by its number."""
    return month(np.random.default_rng([2024, world.hours, int(world.shift * 100), seed]), world)


def null_row(name: str, months: Sequence[Month]) -> dict[str, Any]:
    """Months with a false word, by who reads: where nothing drifts, whatever is told is false."""
    row: dict[str, Any] = {"looks": name, "months": len(months)}
    for reader in Month._fields:
        told = [bool((getattr(each, reader) >= 0).any()) for each in months]
        rate = Rate(sum(told), len(months))
        row[reader] = {"false_discovery_rate": rate.share, "low": rate.at_least(), "high": rate.at_most()}
    return row | {"holds": row["evidence"]["low"] <= RATE}


def shift_row(name: str, world: World, months: Sequence[Month]) -> dict[str, Any]:
    """Hours from the shift until it is told, and false words beside."""
    hours = [int(each.evidence[0]) - world.since for each in months if each.evidence[0] >= 0]
    false = sum(int((each.evidence[1:] >= 0).sum()) for each in months)
    known = {"shift": name, "months": len(months), "told": len(hours), "false": false}
    return known | {"hours": hours, "holds": false == 0 and (world.shift < 0.5 or max(hours) <= TWO_DAYS)}


def main() -> int:
    """All months, on every core; 1 where a promise is broken."""
    began = time.monotonic()
    rows = []
    with ProcessPoolExecutor() as pool:
        for name, (world, count) in {**NULLS, **SHIFTED}.items():
            months = list(pool.map(partial(one, world), range(count)))
            rows.append(shift_row(name, world, months) if world.shift else null_row(name, months))
            sys.stdout.write(json.dumps(rows[-1]) + "\n")
            sys.stdout.flush()
    target = Path("build/null_month.json")
    target.parent.mkdir(exist_ok=True)
    seconds = round(time.monotonic() - began, 1)
    target.write_text(json.dumps({"rows": rows, "seconds": seconds}, indent=1) + "\n")
    return 0 if all(row["holds"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
