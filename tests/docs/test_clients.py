"""The template that makes clients in three languages at once: the plugins of the examples; and it works."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.docs.guides import ROOT

TEMPLATE: dict[str, Any] = yaml.safe_load((ROOT / "buf.gen.yaml").read_text())


def plugins(template: dict[str, Any]) -> dict[str, Any]:
    """What each plugin is told, by its program's name."""
    return {one["local"][-1]: one["opt"] for one in template["plugins"] if "local" in one}


def test_it_has_the_plugins_and_options_of_the_examples() -> None:
    examples = [
        yaml.safe_load((ROOT / f"examples/clients/{name}/buf.gen.yaml").read_text())
        for name in ("go", "typescript")
    ]
    assert plugins(TEMPLATE) == plugins(examples[0]) | plugins(examples[1])
    assert TEMPLATE["managed"] == examples[0]["managed"]


def test_its_python_can_be_imported(tmp_path: Path) -> None:
    """The part that needs neither Go nor Node; make clients has all of them."""
    python = [
        {**one, "protoc_path": [sys.executable, "-m", "grpc_tools.protoc"]}
        for one in TEMPLATE["plugins"]
        if "protoc_builtin" in one
    ]
    assert len(python) == 2
    template = {**TEMPLATE, "plugins": python, "clean": False}
    words = ("generate", "--template", json.dumps(template), "--output", str(tmp_path))
    subprocess.run([ROOT / ".venv/bin/buf", *words], cwd=ROOT, check=True, capture_output=True)
    folder = tmp_path / python[0]["out"]
    program = (
        "import turnout.router.v1.inference_service_pb2 as made; print(made.PredictRequest.DESCRIPTOR.name)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(folder)}, capture_output=True, check=True
    )
    assert said.stdout.decode().strip() == "PredictRequest"
    assert (folder / "turnout/router/v1/inference_service_pb2.pyi").exists()
