"""The demo's models under the suite's roof."""

import random
from pathlib import Path

from services.cli.child import Program
from services.cli.fleet import programs
from services.cli.ports import FreePorts
from services.cli.premises import Premises


def test_a_model_is_back_as_soon_as_a_service(tmp_path: Path) -> None:
    models = programs(Premises(tmp_path), FreePorts(random.Random()), ephemeral=True)
    assert len(models) == 8
    assert {model.backoff for model in models} == {Program("router", (), tmp_path).backoff}
