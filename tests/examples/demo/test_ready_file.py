"""The ready file of the suite on which the demo is to play."""

import os
from pathlib import Path

import pytest

from examples.demo.backstage import NoSuiteError, whole


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("tk_no_json", "is no file that turnout up --fleet --ready-file wrote"),
        ("[]", "is no file that turnout up"),
        ('{"router": "127.0.0.1:50051"}', "is no file that turnout up"),
        ('{"models": {}}', "has no models: turnout up --fleet"),
    ],
)
async def test_a_file_that_is_none_is_told(tmp_path: Path, content: str, said: str) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text(content)
    with pytest.raises(NoSuiteError, match=said):
        await whole(ready)


async def test_a_fleet_that_lives_is_whole(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    ready.write_text(f'{{"models": {{"models/a": "x"}}, "pids": {{"models/a": [{os.getpid()}]}}}}')
    assert (await whole(ready))["models"] == {"models/a": "x"}
