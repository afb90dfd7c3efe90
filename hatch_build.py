"""Writes the contract as one file beside the generated code: all descriptors, with their comments.

The gateway reads it: generated modules have no comments, and Envoy reads neither modules nor protos.
"""

import subprocess
import sys
from pathlib import Path
from sysconfig import get_path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CONTRACT = "gen/turnout/contract.binpb"
# Of Google's: what the details of errors are, and raw bodies, which no file of ours need import.
OTHERS = ("google/rpc/error_details.proto", "google/rpc/status.proto", "google/api/httpbody.proto")


class ContractHook(BuildHookInterface[Any]):
    """Runs at each build of the wheel, the editable one included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile every proto; raises CalledProcessError, after protoc has said why."""
        root = Path(self.root)
        own = sorted(str(path.relative_to(root / "protos")) for path in (root / "protos").rglob("*.proto"))
        command = [sys.executable, "-m", "grpc_tools.protoc", "--include_imports", "--include_source_info"]
        paths = ["--proto_path=protos", f"--proto_path={get_path('purelib')}"]
        (root / CONTRACT).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(  # noqa: S603
            [*command, *paths, f"--descriptor_set_out={CONTRACT}", *own, *OTHERS], cwd=root, check=True
        )
        build_data["artifacts"].append(CONTRACT)
