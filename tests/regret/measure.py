"""Every case and algorithm of conformance/regret.json: writes build/regret.json and build/regret.svg.

RUNS sets how many runs of each; CASES, separated by commas, which cases. Ends with an error where a mean is
outside its band.
"""

import json
import os
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.regret import linear
from tests.regret.learners import LEARNERS, learner_of
from tests.regret.plot import svg
from tests.regret.simulating import simulate
from tests.regret.verdicts import Verdict, judge
from tests.regret.worlds import CASES, world

RUNS = 20
BUILD = Path(__file__).parents[2] / "build"


def pairs(cases: list[str]) -> list[tuple[str, str]]:
    """Case and algorithm of all that is measured. What the references hold and we do not: an oracle that is
    told when the world changes, linear Thompson sampling, and UCB1 that is blind to the context."""
    found = []
    for case in cases:
        known = linear.LEARNERS if case == "lin_ctx" else LEARNERS
        found += [(case, one) for one in CASES[case]["algorithms"] if one in known]
    return found


def measured(case: str, algorithm: str, runs: int) -> Verdict:
    """Runs of one algorithm in one case, always the same ones."""
    seed = zlib.crc32(f"{case} {algorithm}".encode())
    begun = time.process_time()
    if case == "lin_ctx":
        regret = linear.simulate(linear.LEARNERS[algorithm], runs, seed)
    else:
        regret = simulate(world(case), learner_of(case, algorithm), runs, seed)
    return judge(case, algorithm, regret, time.process_time() - begun)


def main() -> int:
    """Measure and write, after each result, so that an end before the last loses nothing; 1 if anything is
    outside."""
    runs = int(os.environ.get("RUNS", RUNS))
    cases = os.environ.get("CASES", ",".join(CASES)).split(",")
    order = pairs(cases)
    found: dict[tuple[str, str], Verdict] = {}
    with ProcessPoolExecutor() as pool:
        for each in as_completed([pool.submit(measured, case, one, runs) for case, one in order]):
            one = each.result()
            found[one.case, one.algorithm] = one
            state = "inside" if one.inside else "better" if one.better else "OUTSIDE"
            said = f"{one.mean:9.1f} reference {one.reference:9.1f} ± {one.band:7.1f}  {state}"
            sys.stdout.write(f"{one.case:15} {one.algorithm:22} {said}\n")
            sys.stdout.flush()
            write([found[pair] for pair in order if pair in found], runs)
    return int(any(one.outside for one in found.values()))


def write(found: list[Verdict], runs: int) -> None:
    """The report and the plot."""
    BUILD.mkdir(exist_ok=True)
    outside = [f"{one.case}/{one.algorithm}" for one in found if one.outside]
    told = {"runs": runs, "outside": outside, "measured": [one.told() for one in found]}
    (BUILD / "regret.json").write_text(json.dumps(told, indent=1))
    (BUILD / "regret.svg").write_text(svg(found))


if __name__ == "__main__":
    sys.exit(main())
