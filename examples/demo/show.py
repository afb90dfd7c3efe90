"""Tells the story on a console: live on a terminal, line by line elsewhere."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.live import Live
from turnout.inference.v1.manifest_pb2 import Manifest

from examples.demo import backstage, next_steps, scenes
from examples.demo.claims import CLAIMS, Claim
from examples.demo.evidence import Act, Evidence
from examples.demo.options import Options
from examples.demo.story import Stage, Story

# Without a terminal a line every so many predictions is enough.
LINE_EVERY = 200


async def show(options: Options, ready: Path | None, console: Console) -> bool:
    """The whole demo, on the suite of a ready file or on one of its own; whether every claim held."""
    if ready is not None:
        return await _play(ready, options, console)
    console.print("Starting Redis, four services and eight models (about twenty seconds) …", highlight=False)
    async with backstage.suite() as ours:
        return await _play(ours, options, console)


async def _play(ready: Path, options: Options, console: Console) -> bool:
    stage = Stage.of(await backstage.whole(ready), partial(backstage.living, ready))
    told, act = 0, Act.LEARNING
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def tell(story: Story) -> None:
            nonlocal told, act
            line = scenes.progress(story.act, story.answers, options.requests)
            if console.is_terminal:
                live.update(line, refresh=True)
            elif len(story.answers) >= told + LINE_EVERY or story.act is not act:
                told, act = len(story.answers), story.act
                console.print(line)

        story = Story(stage, options, now=time.time, told=tell)
        try:
            evidence = await story.play()
        finally:
            await story.desk.close()
    checked = {name: check(evidence) for name, check in CLAIMS.items()}
    _tell(evidence, story.desk.exhibit, checked, console)
    return all(claim.held for claim in checked.values())


def _tell(
    evidence: Evidence, exhibit: Manifest | None, checked: Mapping[str, Claim], console: Console
) -> None:
    console.print(scenes.traffic(evidence))
    console.print(scenes.convergence(evidence))
    console.print(scenes.accuracies(evidence))
    if exhibit is not None:
        console.print(scenes.manifest(exhibit, console.width))
    console.print(scenes.drift(evidence))
    console.print(scenes.claims(checked))
    failed = [name for name, claim in checked.items() if not claim.held]
    if failed:
        console.print(f"[bold red]The demo failed: {'; '.join(failed)}.[/]")
        return
    console.print("[bold green]Everything that was claimed happened.[/] What to try next:")
    for command in next_steps.commands():
        # Plain and unwrapped, to be copied.
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)
