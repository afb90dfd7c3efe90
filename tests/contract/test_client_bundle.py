"""What clients install: the suite's messages with their types, and nobody else's."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_bundle_has_the_messages_with_their_types_and_no_open_inference_protocol(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path))
    subprocess.run(command, cwd=ROOT / "clients/python", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    modules = {name for name in names if ".dist-info/" not in name}
    assert "turnout/router/v1/inference_service_pb2.py" in modules
    assert "turnout/router/v1/inference_service_pb2.pyi" in modules
    assert {name.split("/")[0] for name in modules} == {"turnout"}
    assert not [name for name in modules if "pb2_grpc" in name or "open_inference" in name]
