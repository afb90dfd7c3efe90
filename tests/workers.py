"""How `make test` shares the tests out to its workers, each with a Redis, ports and folders of its own."""

from xdist.scheduler import LoadScopeScheduling

STORIES = "tests/stories/"


class Shares(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """A file's tests stay in one worker, one after the other; so do all stories, which share a suite."""

    def _split_scope(self, nodeid: str) -> str:
        return STORIES if nodeid.startswith(STORIES) else nodeid.partition("::")[0]
