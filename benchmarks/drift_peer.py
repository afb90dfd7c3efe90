"""One party of the comparison, in a process and an environment of its own: `drift_peer.py PARTY FOLDER`.

It prints a JSON line: seconds on the wall and of CPU for comparing all columns, and the peak of its memory in
megabytes, before (libraries and data) and after.
"""

import importlib
import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.drift_table import CATEGORICAL, NUMERIC, PARTS, codes, names, numbers

Work = Callable[[], object]


def frames(folder: Path) -> list[Any]:
    """Reference and current as data frames."""
    pandas = importlib.import_module("pandas")
    return [
        pandas.DataFrame(
            {name: numbers(folder, part, name) for name in NUMERIC}
            | {
                name: pandas.Categorical.from_codes(codes(folder, part, name), names(name)).astype(object)
                for name in CATEGORICAL
            }
        )
        for part in PARTS
    ]


def evidently(folder: Path, **options: str) -> tuple[Work, str]:
    """Evidently's preset for data drift."""
    library = importlib.import_module("evidently")
    presets = importlib.import_module("evidently.presets")
    shape = library.DataDefinition(numerical_columns=list(NUMERIC), categorical_columns=list(CATEGORICAL))
    reference, current = (
        library.Dataset.from_pandas(frame, data_definition=shape) for frame in frames(folder)
    )

    def work() -> object:
        return library.Report([presets.DataDriftPreset(**options)]).run(current, reference).dict()

    return work, f"evidently {version('evidently')}"


def evidently_psi(folder: Path) -> tuple[Work, str]:
    """The same with PSI for every column."""
    return evidently(folder, method="psi")


def nannyml(folder: Path) -> tuple[Work, str]:
    """NannyML's univariate drift, as it comes."""
    library = importlib.import_module("nannyml")
    reference, current = frames(folder)

    def work() -> object:
        columns = [*NUMERIC, *CATEGORICAL]
        return (
            library.UnivariateDriftCalculator(column_names=columns).fit(reference).calculate(current).to_df()
        )

    return work, f"nannyml {version('nannyml')}"


def scipy(folder: Path) -> tuple[Work, str]:
    """Kolmogorov-Smirnov for numbers and chi-square for categories, by hand."""
    stats, numpy = importlib.import_module("scipy.stats"), importlib.import_module("numpy")
    pairs = [[numbers(folder, part, name) for part in PARTS] for name in NUMERIC]
    tables = [[codes(folder, part, name) for part in PARTS] for name in CATEGORICAL]

    def work() -> object:
        found = [stats.ks_2samp(*pair, method="asymp").pvalue for pair in pairs]
        for pair in tables:
            counts = numpy.array([numpy.bincount(one, minlength=200) for one in pair])
            found.append(stats.chi2_contingency(counts[:, counts.any(axis=0)], correction=False).pvalue)
        return found

    return work, f"scipy {version('scipy')}"


PARTIES = {"evidently": evidently, "evidently_psi": evidently_psi, "nannyml": nannyml, "scipy": scipy}


def megabytes() -> float:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(party: str, folder: Path) -> None:
    """Prepare, work, and say what it cost."""
    work, library = PARTIES[party](folder)
    before, wall, cpu = megabytes(), time.perf_counter(), time.process_time()
    work()
    told = {
        "library": library,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_before_mb": before,
        "peak_mb": megabytes(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
