"""The report as a real browser shows it; `make test-browser` brings one where there is none."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.cli.drift.report import Report, render
from tests.cli.drift import samples
from tests.cli.drift.browser import Tab, browsing, executable
from tests.cli.drift.test_report import ATTACKS

NOW = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
# Where somebody wants to see what the test saw.
KEPT = os.environ.get("SCREENSHOTS")

pytestmark = pytest.mark.skipif(
    executable() is None and not os.environ.get("BROWSER_NEEDED"), reason="no Chromium: make test-browser"
)

NAMES = "[...document.querySelectorAll('.overview')].at(-1).querySelectorAll('tbody tr th a')"


@pytest.fixture(scope="module")
async def tab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tab]:
    async with browsing(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(render(Report(samples.telling(), NOW, samples.past())))
    return path


async def picture(tab: Tab, name: str) -> bytes:
    """A picture of the whole page."""
    size = (await tab.tell("Page.getLayoutMetrics"))["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    taken = await tab.tell("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
    data = base64.b64decode(taken["data"])
    if KEPT:
        await asyncio.to_thread(Path(KEPT, f"{name}.png").write_bytes, data)
    return data


async def color(tab: Tab, selector: str, kind: str) -> str:
    return str(await tab.run(f"getComputedStyle(document.querySelector('{selector}')).{kind}"))


async def test_it_opens_without_a_complaint_and_asks_the_network_for_nothing(tab: Tab, written: Path) -> None:
    await tab.visit(written.as_uri())
    assert await tab.run("document.readyState") == "complete"
    asked = [one["request"]["url"] for one in tab.reported("Network.requestWillBeSent")]
    assert asked == [written.as_uri()]
    assert tab.reported("Log.entryAdded") == []
    assert tab.reported("Runtime.exceptionThrown") == []
    assert await tab.run("document.querySelector('h1').innerText.includes('5 of 19 features drift')")
    assert len(await picture(tab, "light")) > 50_000


async def test_every_picture_is_there_and_nothing_sticks_out(tab: Tab, written: Path) -> None:
    await tab.visit(written.as_uri())
    await tab.run("document.getElementById('unfold').click()")
    drawn = await tab.run(
        "[...document.querySelectorAll('svg.bars')].filter(s => s.clientHeight > 40).length"
    )
    assert drawn == len([one for one in samples.telling().features if one.bins])
    for width in (1200, 700, 360):
        await tab.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        wide = "[...document.body.querySelectorAll('*')].filter(e => !e.closest('.scroll, svg') && "
        wide += "e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
        assert await tab.run(wide) == []
    await tab.tell("Emulation.clearDeviceMetricsOverride")


async def test_the_table_is_sorted_and_filtered(tab: Tab, written: Path) -> None:
    await tab.visit(written.as_uri())
    heading = "[...document.querySelectorAll('.overview')].at(-1).querySelectorAll('th button')[1]"
    await tab.run(f"{heading}.click()")
    names = await tab.run(f"[...{NAMES}].map(a => a.innerText)")
    assert names == sorted(names)
    await tab.run(f"{heading}.click()")
    assert await tab.run(f"[...{NAMES}].map(a => a.innerText)") == names[::-1]
    await tab.run("document.getElementById('drifting').click()")
    shown = await tab.run(f"[...{NAMES}].filter(a => a.offsetHeight).map(a => a.innerText)")
    assert sorted(shown) == ["amount", "contract_type", "last_login_days", "tenure"]
    await tab.run("find.value = 'amo'; find.dispatchEvent(new Event('input'))")
    assert await tab.run(f"[...{NAMES}].filter(a => a.offsetHeight).map(a => a.innerText)") == ["amount"]
    assert await tab.run("document.getElementById('found').innerText") == "1 of 19"


async def test_a_link_unfolds_what_it_leads_to(tab: Tab, written: Path) -> None:
    await tab.visit(written.as_uri())
    link = f"[...{NAMES}].find(a => a.innerText === 'usage_01')"
    place = await tab.run(f"{link}.hash")
    assert not await tab.run(f"document.querySelector('{place}').open")
    await tab.run(f"{link}.click()")
    await tab.run("new Promise(done => setTimeout(done, 0))")
    assert await tab.run(f"document.querySelector('{place}').open")


async def test_it_is_dark_where_people_like_it_dark(tab: Tab, written: Path) -> None:
    await tab.visit(written.as_uri())
    light = await color(tab, "body", "backgroundColor"), await color(tab, "h1", "color")
    await tab.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    dark = await color(tab, "body", "backgroundColor"), await color(tab, "h1", "color")
    await picture(tab, "dark")
    await tab.tell("Emulation.setEmulatedMedia", features=[])
    assert sum(map(int, light[0][4:-1].split(","))) > 600 > sum(map(int, dark[0][4:-1].split(",")))
    assert sum(map(int, light[1][4:-1].split(","))) < sum(map(int, dark[1][4:-1].split(",")))


async def test_printed_it_shows_what_was_folded(tab: Tab, written: Path) -> None:
    await tab.visit(written.as_uri())
    folded = "[...document.querySelectorAll('details.feature')].at(-1)"
    assert not await tab.run(f"{folded}.open")
    await tab.tell("Emulation.setEmulatedMedia", media="print")
    assert await tab.run(f"{folded}.querySelector('svg.bars').getBoundingClientRect().height") > 40
    assert await tab.run("document.querySelector('.tools').offsetHeight") == 0
    await tab.tell("Emulation.setEmulatedMedia", media="")
    printed = base64.b64decode((await tab.tell("Page.printToPDF"))["data"])
    assert printed.startswith(b"%PDF")


async def test_without_a_script_everything_can_be_read(tab: Tab, written: Path) -> None:
    await tab.tell("Emulation.setScriptExecutionDisabled", value=True)
    await tab.visit(written.as_uri())
    document = (await tab.tell("DOM.getDocument"))["root"]["nodeId"]

    async def height(selector: str) -> float:
        node = (await tab.tell("DOM.querySelector", nodeId=document, selector=selector))["nodeId"]
        return float((await tab.tell("DOM.getBoxModel", nodeId=node))["model"]["height"])

    assert await height("h1") > 10
    assert await height("svg.lines") > 40
    assert await height("details[open] svg.bars") > 30
    with pytest.raises(RuntimeError, match="compute box model"):
        await height(".tools")
    await tab.tell("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_names_of_others_do_nothing(tab: Tab, tmp_path: Path, attack: str) -> None:
    result = samples.result([samples.number(attack, 1.0), samples.category("b", {attack: 1.0}, {"x": 1.0})])
    result.warnings.append(attack)
    result.model = result.summary = attack
    path = tmp_path / "attacked.html"
    path.write_text(render(Report(result, NOW, [])))
    await tab.visit(path.as_uri())
    assert tab.reported("Page.javascriptDialogOpening") == []
    assert tab.reported("Log.entryAdded") == []
    assert [one["request"]["url"] for one in tab.reported("Network.requestWillBeSent")] == [path.as_uri()]
    assert await tab.run("document.scripts.length") == 1
    assert await tab.run("document.images.length") == 0
