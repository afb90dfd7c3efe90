"""What the suite's processes are told: their command lines and environments."""

import os
import secrets
import sys
from collections.abc import Mapping

from services.cli.child import Program
from services.cli.premises import Premises
from services.cli.seats import GATEWAY, Seat


def service_program(
    seat: Seat,
    seats: Mapping[str, Seat],
    premises: Premises,
    *,
    redis_url: str,
    workers: int | None,
    service_token: str = "",
) -> Program:
    """A service that finds Redis and the others, and announces itself to us."""
    told: dict[str, object] = {
        "port": seat.port,
        "metrics_port": seat.metrics_port,
        "redis_url": redis_url,
        "router": seats["router"].address,
        "aggregator": seats["aggregator"].address,
        "feedback": seats["feedback"].address,
        "drift": seats["drift"].address,
        "directory": premises.data / "gateway",
        "spool_dir": premises.data / "spool",
        "workers": workers,
        "access_service_token": service_token or None,
    }
    known = type(seat.settings).model_fields
    prefix = f"TURNOUT_{seat.service.upper()}_"
    environment = {
        prefix + key.upper(): str(value) for key, value in told.items() if key in known and value is not None
    }
    ties = ("--announce", str(premises.announcements), "--parent", str(os.getpid()))
    command = (sys.executable, "-m", f"services.{seat.service}", *ties)
    log = premises.logs / f"{seat.service}.log"
    processes = 1 if seat.service == GATEWAY else workers or seat.settings.workers
    return Program(seat.service, command, log, environment, processes)


def token_for(seats: Mapping[str, Seat]) -> str:
    """What the services of one run know each other by: what the settings say, or one for this run; nothing
    where no service enforces access."""
    enforcing = [seat.settings for seat in seats.values() if seat.settings.access_mode == "enforced"]
    told = next((one.access_service_token.get_secret_value() for one in enforcing), "")
    return told or (secrets.token_hex(32) if enforcing else "")
