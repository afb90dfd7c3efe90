"""Tells the story on a console: live on a terminal, line by line elsewhere."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.live import Live
from turnout.inference.v1.manifest_pb2 import Manifest

from examples.demo import backstage, next_steps, scenes
from examples.demo.claims import CLAIMS, Claim
from examples.demo.evidence import Act, Evidence, Watch
from examples.demo.options import Options, Without
from examples.demo.story import Stage, Story
from examples.demo.watching import Chapter

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
        # Beside the story: it waits for a look of a schedule, which comes with the minute.
        chapter = asyncio.ensure_future(_watched(stage, options))
        try:
            evidence = await story.play()
            if not chapter.done():
                console.print("A scheduled look at drift comes with the next minute …", highlight=False)
            evidence = replace(evidence, watch=await chapter)
        finally:
            chapter.cancel()
            await asyncio.gather(chapter, return_exceptions=True)
            await story.desk.close()
    checked = {name: check(evidence) for name, check in CLAIMS.items()}
    _tell(evidence, story.desk.exhibit, checked, console)
    return all(claim.held for claim in checked.values())


async def _watched(stage: Stage, options: Options) -> Watch:
    if options.without <= {Without.SHIFT}:
        return await Chapter(stage.services, stage.models, options, time.time).play()
    # What is taken away is none of its business, and whoever sees the demo fail need not wait for it.
    return Watch()


def _tell(
    evidence: Evidence, exhibit: Manifest | None, checked: Mapping[str, Claim], console: Console
) -> None:
    console.print(scenes.traffic(evidence))
    console.print(scenes.convergence(evidence))
    console.print(scenes.accuracies(evidence))
    if exhibit is not None:
        console.print(scenes.manifest(exhibit, console.width))
    console.print(scenes.drift(evidence))
    if evidence.watch.notes:
        console.print(scenes.watch(evidence.watch))
    console.print(scenes.claims(checked))
    failed = [name for name, claim in checked.items() if not claim.held]
    if failed:
        console.print(f"[bold red]The demo failed: {'; '.join(failed)}.[/]")
        return
    console.print("[bold green]Everything that was claimed happened.[/] What to try next:")
    # Plain and unwrapped, as the commands are.
    console.print(f"  open {evidence.watch.report}", markup=False, highlight=False, soft_wrap=True)
    for command in next_steps.commands():
        # Plain and unwrapped, to be copied.
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)
