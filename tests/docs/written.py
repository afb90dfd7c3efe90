"""The pages of the reference that are written from the code, by their paths."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs import metrics, rpcs, schema, settings

ROOT = Path(__file__).parents[2]
PAGES: Mapping[str, Callable[[], str]] = {
    "docs/reference/rpcs.md": rpcs.page,
    "docs/reference/settings.md": settings.page,
    "docs/reference/metrics.md": metrics.page,
    "docs/schema/turnout.schema.json": schema.page,
}
