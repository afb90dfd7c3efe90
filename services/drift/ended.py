"""The end of a stream of requests, or what looks like it."""

import asyncio

# Between the two lies the way through the transport's own thread: microseconds, on a busy machine a few ms.
SETTLE_SECONDS = 0.05


async def settled() -> None:
    """Give a cancellation the time to come: a stream that is cut ends for its reader as one that is complete,
    and what cancels the call comes a moment later. Until then nothing may be called complete."""
    await asyncio.sleep(SETTLE_SECONDS)
