"""The image, as far as it can be judged without an engine. `make image` carries out the Dockerfile's own
lines in build/image and runs every entry and health check from there (test_image_runs.py)."""

import fnmatch
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy_files.chart import KINDS, ROOT
from tests.deploy_files.dockerfile import stages

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMAGE = ROOT / "deploy/image"
EXTRAS = ("gateway", "kubernetes")


def pins(lock: str) -> dict[tuple[str, str], frozenset[str]]:
    """The hashes of each name and version in a lock."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for block in re.split(r"\n(?=[a-z])", lock):
        if told := re.match(r"([\w.-]+)==([^\s;]+)", block):
            found[canonicalize_name(told[1]), told[2]] = frozenset(re.findall(r"--hash=(\S+)", block))
    return found


def locked(name: str) -> dict[tuple[str, str], frozenset[str]]:
    return pins((IMAGE / name).read_text())


def needed(requirement: Requirement) -> Iterator[str]:
    """Names of what it stands for on this machine, with all that they need."""
    waiting, seen = [requirement], set()
    while waiting:
        one = waiting.pop()
        if (one.name, *sorted(one.extras)) in seen:
            continue
        seen.add((one.name, *sorted(one.extras)))
        yield canonicalize_name(one.name)
        for text in metadata.requires(one.name) or ():
            further = Requirement(text)
            extras = one.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": each}) for each in extras):
                waiting.append(further)


def test_the_dockerfile_is_clean() -> None:
    said = subprocess.run(
        [ROOT / ".venv/bin/hadolint", "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True
    )
    assert (said.stdout, said.returncode) == ("", 0)


def test_it_is_built_in_stages_and_runs_as_nobody_special() -> None:
    build, final = stages()
    assert build[0].rest == "${BASE} AS build"
    assert final[0].rest == "${BASE}"
    assert [one.rest for one in final if one.word == "USER"] == ["10001:10001"]
    # Nothing is installed in what is shipped.
    assert not any("pip" in one.rest for one in final)


def test_entry_and_health_check_need_no_shell() -> None:
    final = stages()[-1]
    (entry,) = (one.rest for one in final if one.word == "CMD")
    assert json.loads(entry) == ["python", "-m", "services.router"]
    (check,) = (one.rest for one in final if one.word == "HEALTHCHECK")
    asked = json.loads(check.partition("CMD ")[2])
    assert asked[:3] == ["python", "-m", "services.cli.healthy"]
    ports = [kind.model_fields["port"].default for kind in KINDS.values()]
    assert asked[3:] == [f"127.0.0.1:{port}" for port in ports]


def test_every_port_is_told() -> None:
    (told,) = (one.rest for one in stages()[-1] if one.word == "EXPOSE")
    ports = {kind.model_fields[key].default for kind in KINDS.values() for key in ("port", "metrics_port")}
    assert {int(port) for port in told.split()} == ports


@pytest.mark.parametrize("lock", ["runtime.lock", "build.lock"])
def test_what_is_installed_is_what_was_tested(lock: str) -> None:
    """The same versions, by the same hashes, as in requirements.lock; if not, run make lock."""
    whole = pins((ROOT / "requirements.lock").read_text())
    found = locked(lock)
    assert found
    assert all(whole.get(pin) == hashes for pin, hashes in found.items())


def test_what_runs_is_all_there_and_nothing_else() -> None:
    wanted = [*PROJECT["project"]["dependencies"]]
    for extra in EXTRAS:
        wanted += PROJECT["project"]["optional-dependencies"][extra]
    names = {name for one in wanted for name in needed(Requirement(one))}
    found = {name for name, _ in locked("runtime.lock")}
    assert names <= found
    # What only other systems or other Pythons need is in a lock for all of them.
    assert found - names <= {"async-timeout", "colorama", "tzdata", "prompt-toolkit", "wcwidth"}


def test_what_builds_is_all_there() -> None:
    names = {name for one in PROJECT["build-system"]["requires"] for name in needed(Requirement(one))}
    assert names <= {name for name, _ in locked("build.lock")}


def test_the_context_has_what_is_copied_and_little_else() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("#", "")]
    assert rules[0] == "*"
    let_in = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [
        source
        for one in stages()[0]
        if one.word == "COPY" and not one.rest.startswith("--from")
        for source in one.rest.split()[:-1]
    ]
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, rule) or source.startswith(f"{rule}/") for rule in let_in), source
    assert all(any(source.startswith(rule) for source in copied) for rule in let_in)
