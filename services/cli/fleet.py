"""The demo's model servers under the suite's roof: part of the source tree, not of an installed package."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping

from services.cli import errand
from services.cli.child import Program
from services.cli.ports import HOST, FreePorts, require
from services.cli.premises import Premises
from services.cli.settings import CliSettings
from services.foundation.configuration import load


class NoFleetError(RuntimeError):
    """The fleet is not there to be started."""


def program(premises: Premises, free: FreePorts, *, ephemeral: bool) -> Program:
    """All of them: processes of one program. Raises NoFleetError, or PortTakenError."""
    first = load(CliSettings, "cli").first_model_port
    names = list(_catalog())
    setting = "TURNOUT_CLI_FIRST_MODEL_PORT"
    ports = [
        free.take() if ephemeral else require(HOST, first + place, f"models/{name}", setting)
        for place, name in enumerate(names)
    ]
    return Program(
        "fleet",
        (
            *(sys.executable, "-m", "examples.fleet", "serve"),
            *("--announce", str(premises.announcements / "models")),
            *(f"{name}:{port}" for name, port in zip(names, ports, strict=True)),
        ),
        premises.logs / "fleet.log",
        announces=tuple(f"models/{name}" for name in names),
    )


async def register(router: str, models: Mapping[str, str], service_token: str = "") -> None:
    """Make the models known to the router at `router`, in a process of its own: grpc has no place in ours.

    Raises StartError.
    """
    told = [f"{name}={address}" for name, address in models.items()]
    purpose = "the fleet could not be registered"
    await errand.run(purpose, "examples.demo.register", router, *told, service_token=service_token)


def _catalog() -> Mapping[str, object]:
    if importlib.util.find_spec("examples") is None:
        raise NoFleetError("the fleet is part of the project's source tree and not of the installed package")
    fleet: Mapping[str, object] = importlib.import_module("examples.fleet.catalog").FLEET
    return fleet
