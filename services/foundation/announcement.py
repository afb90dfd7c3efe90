"""How a worker tells its supervisor where it can be reached: one small JSON file, there while it serves."""

import json
import os
from pathlib import Path


class Announcement:
    """`<directory>/<process>-<worker>.json`: {"process", "worker", "pid", "address", "metrics"}. Written
    whole or not at all, once the worker is healthy; removed when its drain begins. A worker killed outright
    leaves its file behind, and the one that takes its place overwrites it: compare the pid."""

    def __init__(self, directory: Path, process: str, worker: int) -> None:
        self.path = directory / f"{process}-{worker}.json"
        self._content = {"process": process, "worker": worker, "pid": os.getpid()}

    def publish(self, *, address: str, metrics: str) -> None:
        """Say where: host:port of the server, URL of the metrics page."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(f".{os.getpid()}.draft")
        draft.write_text(json.dumps({**self._content, "address": address, "metrics": metrics}))
        draft.replace(self.path)

    def withdraw(self) -> None:
        """Take it back, unless a successor has already written its own."""
        if self.path.exists() and json.loads(self.path.read_text())["pid"] == os.getpid():
            self.path.unlink()
