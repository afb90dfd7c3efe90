"""A plan that names models by aliases asks whoever has them now."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from turnout.router.v1 import ensemble_pb2 as ensemble
from turnout.router.v1.router_service_pb2 import AuditEvent

from services.foundation.errors import RemoteError
from services.state.alias_table import AliasTable
from services.state.connection import Connections
from tests.aggregator.conftest import Bench
from tests.aggregator.talk import QUESTION, account, helper, plan_of, speaker, verdict
from tests.aggregator.test_process import aggregator, patiently, store
from tests.fleet import fleet_model
from tests.waiting import eventually


async def test_members_and_helpers_may_be_aliases(bench: Bench) -> None:
    aliases = {"audit@best": "models/strict", "small@live": "models/small"}
    bench.registry.aliases = lambda: aliases
    judged = ensemble.Judge(check=ensemble.Check(verifier=ensemble.Verifier(helper=helper("audit@best"))))
    async with AsyncExitStack() as stack:
        await speaker(bench, stack, "small", "Paris")
        await speaker(bench, stack, "strict", verdict(False, "no"))
        await speaker(bench, stack, "kind", verdict(True))
        first = await bench.infer(plan_of("small@live", judge=judged), QUESTION)
        aliases["audit@best"] = "models/kind"
        moved = await bench.infer(plan_of("small@live", judge=judged), QUESTION)
        del aliases["audit@best"]
        nobody = await bench.infer(plan_of("small@live", judge=judged), QUESTION)
    assert first.error_reason == "NOT_ACCEPTED"
    assert [one.model for one in first.participants] == ["models/small", "models/strict"]
    assert first.participants[0].variant == "small-live"
    assert account(moved) == [("small-live", "PRIMARY", "SERVED"), ("kind", "VERIFIER", "CONTRIBUTED")]
    assert nobody.participants[1].error_message == "models/audit@best is an alias of no model"


async def test_a_moved_alias_is_followed(connections: Connections, redis_url: str, tmp_path: Path) -> None:
    async with fleet_model("cancer-bayes") as bayes:
        await store(connections).create(patiently("cancer-bayes", bayes.address))
        async with aggregator(redis_url, tmp_path) as running:
            moved = AuditEvent(caller="ann", method="SetAlias", resource="models/cancer-bayes", uid="u-1")
            await AliasTable(connections).move("models/cancer-bayes", ["doctor@live"], [], {}, moved)

            async def asked() -> bool:
                try:
                    reply = await running.infer("doctor@live")
                except RemoteError:
                    return False
                return reply.participants[0].model == "models/cancer-bayes"

            await eventually(asked)


@pytest.mark.parametrize("name", ["a@", "@b", "a@b@c", "A@b", "models/x/a@b"])
async def test_what_is_no_alias_is_refused_by_field(bench: Bench, name: str) -> None:
    mixed = ensemble.MixtureOfN(fuser=ensemble.Helper(model=name))
    with pytest.raises(RemoteError) as refused:
        await bench.infer(plan_of("small", mixture_of_n=mixed), QUESTION)
    assert refused.value.fields[0].field == "plan.ensemble.mixture_of_n.fuser.model"
