"""The Dockerfile, read; and its instructions carried out in a folder, where there is no engine."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.deploy_files.chart import ROOT

# What the instructions name that lies outside of the build's own files.
PLACES = re.compile(r"(?<![\w.}$])/(opt|build|var/lib/turnout)(?=/|\s|:|$)")


class Instruction(NamedTuple):
    """One of them, with its lines joined."""

    word: str
    rest: str


def instructions(text: str) -> Iterator[Instruction]:
    """All, in order."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield Instruction(word, " ".join(rest.split()))


def stages() -> list[list[Instruction]]:
    """The instructions of each stage; FROM is each one's first."""
    found: list[list[Instruction]] = []
    for one in instructions((ROOT / "Dockerfile").read_text()):
        if one.word == "FROM":
            found.append([])
        if found:
            found[-1].append(one)
    return found


def environment(stage: list[Instruction]) -> dict[str, str]:
    """What ENV says."""
    pairs = " ".join(one.rest for one in stage if one.word == "ENV").split()
    return dict(pair.split("=", 1) for pair in pairs)


class Built:
    """The image's file system in `root`, as far as it differs from the base's: the base is this machine's
    Python."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._base = root / "base"

    def build(self) -> None:
        """Carry out every COPY and RUN. Raises CalledProcessError."""
        shutil.rmtree(self.root, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", self._base], check=True)
        for number, stage in enumerate(stages()):
            for one in stage:
                if one.word == "COPY":
                    self._copy(number, one.rest)
                elif one.word == "RUN":
                    self._run(number, one.rest, environment(stage))

    def inside(self, text: str, stage: int = -1) -> str:
        """A command or value with the paths that it has here."""
        return PLACES.sub(lambda found: f"{self.folder(stage)}/{found[1]}", text)

    def folder(self, stage: int = -1) -> Path:
        """The root of a stage."""
        return self.root / str(stage % len(stages()))

    def path(self, stage: int = -1) -> str:
        """PATH there."""
        return f"{self.folder(stage)}/opt/turnout/bin:{self._base}/bin:/usr/bin:/bin"

    def _copy(self, stage: int, rest: str) -> None:
        origin = re.match(r"--from=(\w+) ", rest)
        *sources, target = rest.removeprefix(origin[0] if origin else "").split()
        into = Path(self.inside(str(Path("/build") / target), stage))
        for source in sources:
            one = Path(self.inside(source, 0)) if origin else ROOT / source
            # Docker copies what is in a folder, and a file into one or under a name.
            there = into / one.name if target.endswith("/") else into
            there.parent.mkdir(parents=True, exist_ok=True)
            if one.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(one, there, symlinks=True, ignore=None if origin else ignored)
            else:
                shutil.copy(one, there)

    def _run(self, stage: int, command: str, told: Mapping[str, str]) -> None:
        # Only root can give files away.
        mine = command if os.geteuid() == 0 else command.replace("-o 10001 -g 10001 ", "")
        # Packages may come from this machine's cache.
        kept = {name: value for name, value in told.items() if name not in ("PIP_NO_CACHE_DIR", "PATH")}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TURNOUT_")}
        work = self.folder(stage) / "build"
        work.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["/bin/sh", "-c", self.inside(mine, stage)],
            cwd=work,
            env={**inherited, **kept, "PATH": self.path(stage)},
            check=True,
        )
