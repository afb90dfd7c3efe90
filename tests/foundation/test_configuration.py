"""Settings from environment and file: precedence, sections, and what is refused."""

from pathlib import Path

import pytest
from pydantic import Field

from services.foundation.configuration import SettingsError, load
from services.foundation.meanings import meaning
from services.foundation.settings import Settings


class RouterSettings(Settings):
    """What a service adds."""

    port: int = 50051
    """Its own port."""
    spool_bytes: int = Field(1024, gt=0)
    """How much waits on disk."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "turnout.yaml"
    path.write_text(
        "log_level: DEBUG\ndrain_seconds: 1\nrouter:\n  drain_seconds: 2\ndrift:\n  anything: 1\n"
    )
    return path


def test_the_own_section_wins_over_the_common_part(config: Path) -> None:
    settings = load(RouterSettings, "router", config)
    assert (settings.log_level, settings.drain_seconds) == ("DEBUG", 2)


def test_the_environment_wins_over_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_CONFIG", str(config))
    monkeypatch.setenv("TURNOUT_DRAIN_SECONDS", "3")
    assert load(RouterSettings, "router").drain_seconds == 3
    monkeypatch.setenv("TURNOUT_ROUTER_DRAIN_SECONDS", "4")
    assert load(RouterSettings, "router").drain_seconds == 4


def test_other_processes_may_have_settings_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_DRIFT_CELLS", "128")
    assert load(RouterSettings, "router").port == 50051


def test_maps_are_json_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_METHOD_LIMITS", '{"a.B/C": 3}')
    assert load(RouterSettings, "router").method_limits == {"a.B/C": 3}


def test_the_variable_of_opentelemetry_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://there:4317")
    assert load(RouterSettings, "router").otlp_endpoint == "http://there:4317"
    monkeypatch.setenv("TURNOUT_OTLP_ENDPOINT", "http://here:4317")
    assert load(RouterSettings, "router").otlp_endpoint == "http://here:4317"


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("TURNOUT_DRIAN_SECONDS", "did you mean TURNOUT_DRAIN_SECONDS"),
        ("TURNOUT_ROUTER_SPOOL_BITES", "did you mean TURNOUT_ROUTER_SPOOL_BYTES"),
        ("TURNOUT_SPOOL_BYTES", "did you mean TURNOUT_ROUTER_SPOOL_BYTES"),
        ("turnout_nonsense", "is no setting of router"),
    ],
)
def test_an_unknown_variable_is_refused(variable: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SettingsError, match=said):
        load(RouterSettings, "router")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drian_seconds: 1", "drian_seconds in .* did you mean drain_seconds"),
        ("router: {spool_bites: 1}", "router.spool_bites in .* did you mean spool_bytes"),
        ("spool_bytes: 1", "spool_bytes in .* is no setting"),
        ("router: 3", "router must hold keys and values"),
        ("- a", "must hold keys and values at its top"),
        ("a: [", "cannot read the settings file"),
    ],
)
def test_an_unknown_key_in_the_file_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "turnout.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said):
        load(RouterSettings, "router", path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        load(RouterSettings, "router", tmp_path / "absent.yaml")


def test_a_wrong_value_names_the_setting_and_explains_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_ROUTER_SPOOL_BYTES", "-1")
    with pytest.raises(
        SettingsError, match=r"spool_bytes = '-1': .*greater than 0 \(How much waits on disk\.\)"
    ):
        load(RouterSettings, "router")


def test_every_setting_is_explained() -> None:
    assert [name for name in Settings.model_fields if not meaning(Settings, name)] == []
