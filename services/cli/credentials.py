"""Who asks, and whom he trusts: options that every command that asks a suite has, beside the settings."""

import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.complaints import USAGE, fail

PANEL = "Who asks, and whom he trusts"


def _file(name: str, told: str) -> Any:
    return Annotated[
        Path | None, typer.Option(name, metavar="FILE", help=told, show_default=False, rich_help_panel=PANEL)
    ]


OPTIONS = {
    "credential_file": _file("--key-file", "File of an API key or token; else what TURNOUT_CLI_KEY holds."),
    "authorities_file": _file(
        "--ca", "Authorities (PEM) to trust, which asks for TLS; else TURNOUT_CLI_TLS_AUTHORITIES."
    ),
    "certificate_file": _file("--cert", "Certificate (PEM) to show, where the suite wants one."),
    "private_key_file": _file("--key", "Its private key."),
}


def identified(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with those options, if it asks a suite at all."""
    own = inspect.signature(command)
    if "server" not in own.parameters:
        return command

    @functools.wraps(command)
    def asked(**told: Any) -> Any:
        put(**{name: told.pop(name) for name in OPTIONS})
        return command(**told)

    keyword = inspect.Parameter.KEYWORD_ONLY
    more = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in OPTIONS.items()]
    asked.__signature__ = own.replace(parameters=[*own.parameters.values(), *more])  # type: ignore[attr-defined]
    asked.__annotations__ = {**command.__annotations__, **OPTIONS}
    return asked


def put(
    credential_file: Path | None = None,
    authorities_file: Path | None = None,
    certificate_file: Path | None = None,
    private_key_file: Path | None = None,
) -> None:
    """Make of the options what their settings would be; a file that is not there ends the command."""
    if bool(certificate_file) != bool(private_key_file):
        raise typer.BadParameter("--cert and --key are of no use without each other")
    files = {
        "--key-file": credential_file,
        "--ca": authorities_file,
        "--cert": certificate_file,
        "--key": private_key_file,
    }
    for name, path in files.items():
        if path is not None and not os.access(path, os.R_OK):
            fail(f"{name} {path}: no file that can be read", USAGE)
    told = {"AUTHORITIES": authorities_file, "CERTIFICATE": certificate_file, "KEY": private_key_file}
    os.environ |= {f"TURNOUT_CLI_TLS_{name}": str(path) for name, path in told.items() if path is not None}
    if certificate_file is not None:
        # What a process of the suite is told so: its certificate is shown to whom it calls.
        os.environ["TURNOUT_CLI_TLS_CLIENT_AUTHORITIES"] = str(authorities_file or certificate_file)
    if credential_file is not None:
        # In the environment of this process alone: a command line would show it to every user.
        os.environ["TURNOUT_CLI_KEY"] = said = credential_file.read_text().strip()
        if not said:
            fail(f"--key-file {credential_file}: it is empty", USAGE)
