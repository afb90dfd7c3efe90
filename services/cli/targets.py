"""`python -m services.cli.targets READY_FILE`: the metrics pages of a running suite as Prometheus reads them
from a file (file_sd_configs), each with its service as `job`. Several workers are so many targets."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def targets(pages: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """The document, from the URLs of each service's pages.

    >>> targets({"router": ["http://127.0.0.1:9101/metrics", "http://127.0.0.1:40001/metrics"]})
    [{'targets': ['127.0.0.1:9101', '127.0.0.1:40001'], 'labels': {'job': 'router'}}]
    """
    return [
        {"targets": [urlsplit(url).netloc for url in urls], "labels": {"job": service}}
        for service, urls in sorted(pages.items())
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the document of a ready file; the exit code."""
    told = argparse.ArgumentParser(prog="targets", description="Prometheus targets of a running suite.")
    told.add_argument("ready_file", type=Path, help="what `turnout up --ready-file` wrote")
    ready = json.loads(told.parse_args(arguments).ready_file.read_text())
    sys.stdout.write(json.dumps(targets(ready["metrics"]), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
