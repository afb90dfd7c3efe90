"""Gathers settings from the environment and one YAML file. A key that nobody knows is an error, with the
nearest name."""

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource

from services.foundation.meanings import meaning
from services.foundation.redaction import Redaction
from services.foundation.settings import Settings

PREFIX = "TURNOUT_"
CONFIG_VARIABLE = "TURNOUT_CONFIG"

# The processes that read one file and one environment together: each skips the sections of the others.
PROCESSES = ("router", "aggregator", "feedback", "drift", "gateway", "cli")

S = TypeVar("S", bound=Settings)


class SettingsError(ValueError):
    """A setting is unknown or has a wrong value; the message names it and says what would have been right."""


def load(settings_type: type[S], process: str, config: Path | None = None) -> S:
    """The settings of a process from `config` (or the file that TURNOUT_CONFIG names) and the environment.

    Raises `SettingsError` for an unreadable file, an unknown key or a wrong value.
    """
    named = os.environ.get(CONFIG_VARIABLE)
    shared, own = _sections(settings_type, process, config or (Path(named) if named else None))
    special = f"{PREFIX}{process.upper()}_"
    _refuse_unknown_variables(settings_type, process)
    foreign = {
        key: os.environ[name] for key, name in settings_type.ALSO_KNOWN_AS.items() if name in os.environ
    }
    gathered = {
        **foreign,
        **shared,
        **own,
        **_variables(settings_type, PREFIX),
        **_variables(settings_type, special),
    }
    try:
        return settings_type(**gathered)
    except ValidationError as wrong:
        raise SettingsError("\n".join(_complaint(settings_type, error) for error in wrong.errors())) from None


def common_keys(settings_type: type[Settings]) -> set[str]:
    """The keys that may stand outside a process's section: all that the service did not declare for
    itself."""
    declared = set() if settings_type is Settings else set(vars(settings_type).get("__annotations__", ()))
    return settings_type.model_fields.keys() - declared


def _variables(settings_type: type[Settings], prefix: str) -> dict[str, Any]:
    allowed = common_keys(settings_type) if prefix == PREFIX else settings_type.model_fields.keys()
    found = EnvSettingsSource(settings_type, env_prefix=prefix)()
    return {key: value for key, value in found.items() if key in allowed}


def _refuse_unknown_variables(settings_type: type[Settings], process: str) -> None:
    own = f"{PREFIX}{process.upper()}_"
    known = {PREFIX + key.upper() for key in common_keys(settings_type)}
    known |= {own + key.upper() for key in settings_type.model_fields} | {CONFIG_VARIABLE}
    others = tuple(f"{PREFIX}{other.upper()}_" for other in PROCESSES if other != process)
    for variable in sorted(os.environ):
        # Windows aside, variables are case-sensitive; pydantic reads them in any case, so we judge them in
        # any case.
        name = variable.upper()
        if name.startswith(PREFIX) and name not in known and not name.startswith(others):
            raise SettingsError(
                f"{variable} in the environment is no setting of {process}{_nearest(name, known)}"
            )


def _sections(
    settings_type: type[Settings], process: str, path: Path | None
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The common part of the file and the process's own."""
    if path is None:
        return {}, {}
    content = _read(path)
    own = content.pop(process, None) or {}
    if not isinstance(own, dict):
        raise SettingsError(f"{path}: {process} must hold keys and values")
    for other in PROCESSES:
        content.pop(other, None)
    _refuse_unknown_keys(path, "", content, common_keys(settings_type), process)
    _refuse_unknown_keys(path, f"{process}.", own, set(settings_type.model_fields), process)
    return content, own


def _read(path: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except OSError as wrong:
        raise SettingsError(f"cannot read the settings file {path}: {wrong}") from None
    except yaml.YAMLError as wrong:
        raise SettingsError(f"cannot read the settings file {path}: no YAML{_where(wrong)}") from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path} must hold keys and values at its top")
    return content


def _where(wrong: yaml.YAMLError) -> str:
    """Not what the parser says: it quotes the line, which may be that of a secret."""
    mark = getattr(wrong, "problem_mark", None)
    return f" at line {mark.line + 1}, column {mark.column + 1}: {wrong.problem}" if mark else ""  # type: ignore[attr-defined]


def _refuse_unknown_keys(
    path: Path, section: str, found: Iterable[Any], known: set[str], process: str
) -> None:
    for key in found:
        if key not in known:
            raise SettingsError(
                f"{section}{key} in {path} is no setting of {process}{_nearest(str(key), known)}"
            )


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""


def _complaint(settings_type: type[Settings], error: Any) -> str:
    """One line per wrong value: the key, what was given, what is wrong, and what the setting means."""
    key = ".".join(str(part) for part in error["loc"])
    field = settings_type.model_fields.get(str(error["loc"][0])) if error["loc"] else None
    said = meaning(settings_type, str(error["loc"][0])) if field else ""
    # What was meant to be a secret is one also where it is wrong.
    given = "(not shown)" if field and field.annotation is SecretStr else repr(error.get("input"))
    return Redaction()(f"{key} = {given}: {error['msg']}{f' ({said})' if said else ''}")
