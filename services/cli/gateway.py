"""Whether a suite has a gateway, and where."""

import importlib.util
import shutil
from collections.abc import Callable

from services.cli.ports import FreePorts
from services.cli.seats import Seat, gateway_seat
from services.cli.settings import CliSettings
from services.foundation.configuration import load
from services.gateway.settings import GatewaySettings

NOT_INSTALLED = "no gateway, so no REST: Envoy is not installed (pip install 'turnout[gateway]')"
NOT_WANTED = "no gateway, so no REST: TURNOUT_CLI_WITH_GATEWAY is false"


def choose(free: FreePorts, say: Callable[[str], None], *, ephemeral: bool) -> list[Seat]:
    """Its seat; none, and `say` why, where there is no Envoy or nobody wants one. Raises SettingsError, or
    PortTakenError."""
    wanted = load(CliSettings, "cli").with_gateway
    if why := reason_for_none(wanted, load(GatewaySettings, "gateway").envoy):
        say(why)
        return []
    return [gateway_seat(free, ephemeral=ephemeral)]


def reason_for_none(
    wanted: bool,
    program: str,
    module: Callable[[str], object] = importlib.util.find_spec,
    command: Callable[[str], object] = shutil.which,
) -> str:
    """Why there is none; empty if there is. A program that the settings name is there, or its start says
    otherwise."""
    if not wanted:
        return NOT_WANTED
    return "" if program or module("envoy") or command("envoy") else NOT_INSTALLED
