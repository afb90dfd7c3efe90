"""The ready file: where everything of a healthy suite is, for scripts and for people."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.cli.redis import whereabouts

# Premises of `turnout up` in the directory where a command is given.
HERE = Path(".turnout/up")


@dataclass(frozen=True)
class Announced:
    """What one live process said of itself: a worker, or a model server with the door to its faults."""

    process: str
    pid: int
    address: str
    worker: int = 0
    metrics: str = ""
    control: str = ""


@dataclass(frozen=True)
class Whereabouts:
    """Addresses of a suite. Models by resource name; `controls` is where their faults are set. `pids` are
    those of the processes that work now, not of the parents of several workers. `admin_key` is the file with
    the first administrator's key, where access is enforced and we made one."""

    services: Mapping[str, str]
    metrics: Mapping[str, list[str]]
    redis: str
    models: Mapping[str, str] = field(default_factory=dict)
    controls: Mapping[str, str] = field(default_factory=dict)
    pids: Mapping[str, list[int]] = field(default_factory=dict)
    admin_key: str = ""

    def document(self) -> dict[str, Any]:
        """As it stands in the ready file."""
        return {
            **self.services,
            "redis": self.redis,
            "metrics": dict(self.metrics),
            "models": {model: f"grpc://{address}" for model, address in self.models.items()},
            "controls": dict(self.controls),
            "pids": dict(self.pids),
            **({"admin_key": self.admin_key} if self.admin_key else {}),
        }

    def lines(self) -> list[str]:
        """The same for people: addresses, and a service's metrics pages beside it, one on each line.

        No box: it would break URLs at eighty columns. No password of Redis either.
        """
        found = []
        for service, address in self.services.items():
            first, *more = self.metrics.get(service) or [""]
            found.append((service, address, first))
            found += [("", "", page) for page in more]
        found.append(("redis", whereabouts(self.redis), ""))
        found += [(model, address, "") for model, address in self.models.items()]
        names, places = (max(len(row[column]) for row in found) for column in (0, 1))
        return [f"  {name:<{names}}  {place:<{places}}  {page}".rstrip() for name, place, page in found]


def announced(directory: Path) -> list[Announced]:
    """Every process that said so and lives, by name and number."""
    found = []
    for path in directory.rglob("*.json"):
        try:
            said = json.loads(path.read_text())
        except FileNotFoundError:
            continue  # withdrawn between our listing and our reading
        if "model" in said:
            said["process"] = f"models/{said.pop('model')}"
        found.append(Announced(**said))
    living = (one for one in found if alive(one.pid))
    return sorted(living, key=lambda one: (one.process, one.worker))


def by_process(found: Iterable[Announced]) -> dict[str, list[Announced]]:
    """The announcements of each process."""
    grouped: dict[str, list[Announced]] = {}
    for one in found:
        grouped.setdefault(one.process, []).append(one)
    return grouped


def stored(found: Mapping[str, list[Announced]]) -> str:
    """URL of the Redis among them, empty where there is none: it is somebody else's, or nothing runs."""
    return f"redis://{found['redis'][0].address}/0" if "redis" in found else ""


def alive(pid: int) -> bool:
    """Whether there is such a process, and it is one of our user's."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(document, indent=2) + "\n")
    draft.replace(path)
