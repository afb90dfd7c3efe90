"""`python -m examples.census FOLDER [N]`: the story, on a throw-away suite; a year takes nine days.

N: only every N-th person of the later years, for those in a hurry.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import numpy as np
from turnout.drift.v1 import result_pb2

from examples.census.agency import DAY, Agency
from examples.census.data import WORDS, Year, load
from examples.demo.backstage import suite

DAYS = 9


def status_of(result: result_pb2.DriftResult) -> str:
    """As people say it."""
    return result_pb2.DriftStatus.Name(result.status).removeprefix("DRIFT_STATUS_").lower().replace("_", " ")


def worst_of(result: result_pb2.DriftResult) -> str:
    """The features that have moved furthest."""
    moved = sorted(result.features, key=lambda one: -one.psi)[:3]
    return ", ".join(f"{WORDS.get(one.feature, one.feature)} {one.psi:.3f}" for one in moved)


async def told(agency: Agency, reference: object, years: list[Year]) -> None:
    """Everything, in order."""
    await agency.register()
    made = await agency.upload_baseline(reference)
    print(f"baseline of 2015: {made.rows:,} rows, {len(made.baseline.features)} columns, "
          f"and one for each of {len(made.segment_baselines)} kinds of quarters")  # fmt: skip
    start = (time.time() // DAY - DAYS * len(years)) * DAY
    end = start + DAYS * len(years) * DAY
    for index, year in enumerate(years):
        began = time.monotonic()
        logged = await agency.log(year, start + index * DAYS * DAY, DAYS)
        print(f"{year.year}: {logged:,} predictions logged in {time.monotonic() - began:.0f} s")
    rows = sum(len(year.labels) for year in years)
    await agency.until_counted(start, end, rows)
    for year in years:
        print(f"{year.year}: truth {await agency.upload_truth(year)}")
    print("\nBy the year")
    for index, year in enumerate(years):
        result = await agency.analyze(start + index * DAYS * DAY, start + (index + 1) * DAYS * DAY)
        proven = sum(one.significant for one in result.features)
        print(f"{year.year}: {status_of(result)}; {proven} of {len(result.features)} columns differ beyond "
              f"chance; PSI {worst_of(result)}")  # fmt: skip
    print("\nBy the day of the story")
    history = await agency.until_labelled(start, end, rows)
    for day in range(DAYS * len(years)):
        window = start + day * DAY, start + (day + 1) * DAY
        everybody, homes = await agency.analyze(*window), await agency.analyze(*window, "home")
        accuracy = next(one.accuracy for one in history.points if one.start_time.seconds == int(window[0]))
        print(f"{years[day // DAYS].year} {day % DAYS + 1}: accuracy {accuracy.value:.3f} "
              f"[{accuracy.low:.3f}, {accuracy.high:.3f}]; all {status_of(everybody)}, "
              f"at home {status_of(homes)}; PSI {worst_of(everybody)}")  # fmt: skip


async def main(folder: Path, every: int) -> None:
    """Start the suite, tell, stop it."""
    reference, years = load(folder)
    years = [
        Year(one.year, one.table.take(np.arange(0, len(one.labels), every)), one.labels[::every])
        for one in years
    ]
    async with suite(fleet=False) as ready:
        agency = Agency(json.loads(ready.read_text()))
        try:
            await told(agency, reference, years)
        finally:
            await agency.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
