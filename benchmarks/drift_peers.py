"""Drift beside its peers, on one table and one machine: `python -m benchmarks.drift_peers` writes
build/drift_peers.json.

1M × 1M rows of 20 numeric and 5 categorical columns; each party in a process of its own, one after another.
The peers live in an environment of their own (`make bench-peers` makes it). They compare two tables that lie
in memory; we fold what is logged as it comes, and compare counts.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import drift_table
from benchmarks.drift_peer import PARTIES

WRITTEN = Path("build/drift_peers.json")
SECONDS = 1800.0
NICE = 5


def run(python: str, module: str, *words: str) -> dict[str, Any]:
    """What a party says of itself; why not, where it fails or takes too long."""
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            [python, "-m", module, *words],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=environment,
            check=False,
            preexec_fn=lambda: os.nice(NICE),
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"not done within {SECONDS:g} s"}
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no word"}
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def conditions(rows: int) -> dict[str, Any]:
    """Where and when it was measured."""
    return {
        "rows": [rows, rows],
        "columns": [len(drift_table.NUMERIC), len(drift_table.CATEGORICAL)],
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": [round(one, 1) for one in os.getloadavg()],
        "time": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
    }


def main() -> None:
    """Measure everybody, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--peers", default=".venv-peers/bin/python", help="python of the peers' environment")
    told = parser.parse_args()
    found: dict[str, Any] = {"conditions": conditions(told.rows)}
    with tempfile.TemporaryDirectory() as folder:
        drift_table.write(Path(folder), told.rows)
        found["turnout"] = run(sys.executable, "benchmarks.drift_ours", folder)
        print("turnout", found["turnout"], flush=True)
        for party in PARTIES:
            python = sys.executable if party == "scipy" else told.peers
            found[party] = run(python, "benchmarks.drift_peer", party, folder)
            print(party, found[party], flush=True)
    WRITTEN.parent.mkdir(exist_ok=True)
    WRITTEN.write_text(json.dumps(found, indent=2) + "\n")
    print(f"wrote {WRITTEN}")


if __name__ == "__main__":
    main()
