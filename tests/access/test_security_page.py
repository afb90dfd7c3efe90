"""SECURITY.md speaks of settings and tests that exist."""

import re
from pathlib import Path

from services.aggregator.settings import AggregatorSettings
from services.drift.settings import DriftSettings
from services.feedback.settings import FeedbackSettings
from services.foundation.settings import Settings
from services.gateway.settings import GatewaySettings
from services.router.settings import RouterSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text()
KINDS: dict[str, type[Settings]] = {
    "AGGREGATOR": AggregatorSettings,
    "DRIFT": DriftSettings,
    "FEEDBACK": FeedbackSettings,
    "GATEWAY": GatewaySettings,
    "ROUTER": RouterSettings,
}


def known() -> set[str]:
    """Variables of every process, and of each."""
    common = {f"TURNOUT_{key.upper()}" for key in Settings.model_fields}
    own = {f"TURNOUT_{name}_{key.upper()}" for name, kind in KINDS.items() for key in kind.model_fields}
    return common | own


def test_its_settings_exist() -> None:
    named = set(re.findall(r"`(TURNOUT_[A-Z_]+)", PAGE)) - {"TURNOUT_"}
    assert len(named) > 10
    assert named - known() == set()


def test_its_tests_exist() -> None:
    named = re.findall(r"`((?:tests/)?[\w/]*test_\w+\.py|tests/[\w/]+/)`", PAGE)
    assert len(named) > 10
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    missing = [one for one in named if not ((ROOT / one).exists() if "/" in one else one in there)]
    assert missing == []


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)", PAGE):
        assert (ROOT / link).exists(), link
