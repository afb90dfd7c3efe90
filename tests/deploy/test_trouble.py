"""API servers that throttle, fail, forget and refuse, over real sockets."""

from collections.abc import AsyncIterator

import pytest

from services.deploy.errors import Trouble
from services.deploy.kinds import KINDS
from services.deploy.server import connect
from tests.deploy.api_server import Fault, KubeApi
from tests.deploy.cluster import Cluster
from tests.deploy.conftest import OBJECTS, Town
from tests.waiting import eventually


@pytest.fixture(scope="module")
async def cluster(own: Cluster) -> Cluster:
    """Our own: a real one does not go wrong when it is told to."""
    return own


@pytest.fixture
async def wrong(api: KubeApi) -> AsyncIterator[KubeApi]:
    """A server that can be told what goes wrong; all of it must have happened in the end."""
    yield api
    assert not api.faults
    api.absent.clear()


@pytest.mark.parametrize(
    "faults",
    [
        [Fault("patch", "deployments", 409)] * 2,
        [Fault("patch", "services", 500), Fault("patch", "deployments", 503), Fault("get", "services", 502)],
        [Fault("patch", "services", 0), Fault("patch", "deployments", 0)],
        [Fault("patch", "horizontalpodautoscalers", 429, retry_after="1")],
    ],
    ids=["conflicts", "failures", "broken connections", "throttled"],
)
async def test_what_may_work_another_time_is_tried_again(
    churn: Town, wrong: KubeApi, faults: list[Fault]
) -> None:
    wrong.faults.extend(faults)
    await churn.run()
    await churn.left_with(*OBJECTS)


async def test_who_is_throttled_again_and_again_says_so(churn: Town, wrong: KubeApi) -> None:
    """Three times in a row is worth a word to who waits."""
    wrong.faults.extend([Fault("patch", "services", 429, retry_after="1")] * 3)
    await churn.create()
    await churn.deploy()
    await churn.until("DEPLOYING", "the API server answered 429: told to; it is asked again")
    await churn.cluster.roll_out(churn.pods)
    await churn.until("RUNNING", "")


async def test_a_history_that_is_forgotten_in_the_middle_of_a_watch_is_listed_again(
    churn: Town, wrong: KubeApi
) -> None:
    await churn.create()
    await churn.deploy()
    await churn.cluster.scaled(churn.pods, 2)
    before = len([one for one in wrong.asked if one[2] == "list"])
    await wrong.forget()
    await churn.cluster.roll_out(churn.pods)
    await churn.until("RUNNING", "")
    assert len([one for one in wrong.asked if one[2] == "list"]) > before


def last_asked(api: KubeApi, kind: str) -> str:
    """How objects of a kind were last asked for."""
    return next(
        (verb for _, what, verb in reversed(api.asked) if what == kind and verb in ("list", "watch")), ""
    )


async def test_a_watch_that_ends_is_taken_up_where_it_was(churn: Town, wrong: KubeApi) -> None:
    """Bookmarks have moved it on: nothing is listed again, and nothing is missed."""
    await churn.create()
    await churn.deploy()
    await churn.cluster.scaled(churn.pods, 2)
    # Each kind is listed by a task of its own, and at any time again, where another process leads.
    await eventually(lambda: all(last_asked(wrong, kind) == "watch" for kind in ("deployments", "pods")))
    listed = [one for one in wrong.asked if one[2] == "list"]
    await wrong.disconnect()
    await churn.cluster.roll_out(churn.pods)
    await churn.until("RUNNING", "")
    assert [one for one in wrong.asked if one[2] == "list"] == listed
    assert wrong.bookmarks > 0


async def test_what_is_forbidden_is_told_and_not_tried_again_and_again(churn: Town, wrong: KubeApi) -> None:
    assert wrong.rules is not None
    rule = ("policy", "poddisruptionbudgets", "create")
    wrong.rules.remove(rule)
    await churn.create()
    await churn.deploy()
    said = (
        "PodDisruptionBudget: the API server answered 403: User cannot create resource 'poddisruptionbudgets'"
    )
    await churn.until("FAILED", said)
    wrong.rules.add(rule)
    await churn.deploy()
    await churn.cluster.roll_out(churn.pods)
    await churn.until("RUNNING", "")


async def test_a_removal_that_broke_off_is_taken_up(churn: Town, wrong: KubeApi) -> None:
    await churn.run()
    wrong.faults.extend([Fault("delete", "deployments", 500), Fault("delete", "services", 0)])
    await churn.call("DeleteRouter", name=churn.name)
    await churn.left_with()


async def test_a_deletion_spares_what_has_the_name_since(own: Cluster, churn: Town) -> None:
    """Somebody was faster: what he made in its place has another uid."""
    await churn.run()
    service = await own.server.read(KINDS["Service"], own.namespace, churn.pods)
    assert service is not None
    with pytest.raises(Exception, match="409"):
        await own.server.delete(KINDS["Service"], own.namespace, churn.pods, "another uid")
    await churn.left_with(*OBJECTS)


async def test_the_client_reads_pages_and_closes(own: Cluster, churn: Town) -> None:
    await churn.create()
    await churn.deploy()
    await own.scaled(churn.pods, 2)
    server = await connect(str(own.config))
    found, version = await server.list(KINDS["Deployment"], own.namespace, "")
    await server.close()
    assert {one["metadata"]["name"] for one in found} >= {churn.pods}
    assert all(one["kind"] == "Deployment" for one in found)
    assert int(version) > 0


async def test_credentials_that_cannot_be_renewed_are_tried_again_and_not_told(own: Cluster) -> None:
    """A token's file may be replaced at that very moment; what it says is a secret."""
    server = await connect(str(own.config))

    def renew(_: object) -> None:
        raise OSError("the token is s3cret")

    server._client.configuration.api_key["BearerToken"] = "stale"
    server._client.configuration.refresh_api_key_hook = renew
    with pytest.raises(Trouble, match=r"the credentials cannot be renewed: OSError$"):
        await server.list(KINDS["Deployment"], own.namespace, "")
    await server.close()
