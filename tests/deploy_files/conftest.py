"""Each set of values, rendered once."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from kubernetes_validate import utils

from tests.deploy_files.chart import Rendered, render

VALUES: Mapping[str, Path] = {
    path.stem: path for path in sorted((Path(__file__).parent / "values").glob("*.yaml"))
}

rendered_once = cache(render)


@pytest.fixture(scope="package", autouse=True)
def schemas_read_once() -> Iterator[None]:
    """Kubernetes' definitions are 2 MB, and would be read again for every manifest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


@pytest.fixture(params=VALUES)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    """What a set of values makes."""
    return rendered_once(VALUES[request.param])


@pytest.fixture
def defaults() -> Rendered:
    """What no values make."""
    return rendered_once(VALUES["defaults"])


@pytest.fixture
def everything() -> Rendered:
    """What all values make."""
    return rendered_once(VALUES["everything"])
