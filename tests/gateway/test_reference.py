"""The page on REST, as far as it can be judged without a suite; tests/stories/test_rest.py runs its lines."""

from pathlib import Path

from services.foundation.configuration import common_keys
from services.foundation.meanings import meaning
from services.gateway.settings import GatewaySettings

PAGE = Path(__file__).parents[2] / "docs/reference/rest.md"


def test_every_setting_is_on_the_page_in_its_own_words() -> None:
    own = GatewaySettings.model_fields.keys() - common_keys(GatewaySettings)
    rows = {f"| `{name}` | {meaning(GatewaySettings, name)} |" for name in own}
    assert rows <= set(PAGE.read_text().splitlines())
