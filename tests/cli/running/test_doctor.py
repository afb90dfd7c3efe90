"""The doctor finds what is broken: in a real suite, broken for real, and in facts that one told."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis.asyncio import Redis as Client
from turnout.router.v1.router_pb2 import ROUTER_STATE_FAILED, Router

from services.cli.connecting import Visit
from services.cli.doctor.checks import CHAPTERS, CHECKS, examine
from services.cli.doctor.facts import Caller, Certificate, Facts, Page, Sample, Service
from services.cli.doctor.finding import Finding, Severity
from services.cli.doctor.gathering import gather, handshake
from services.cli.doctor.gathering.places import places
from services.cli.settings import CliSettings
from services.foundation.announcement import Announcement
from tests.cli.running.town import Town
from tests.cli.terminal import ROOT
from tests.foundation.identity.authorities import LOCAL, START, Authority
from tests.waiting import eventually

Change = Callable[[Facts], Facts]


async def facts_of(town: Town, folder: Path) -> Facts:
    """What the doctor learns of a town now."""
    ready = town.terminal(folder / "doctor").environment["TURNOUT_CLI_READY_FILE"]
    settings = CliSettings(ready_file=ready)
    suite = Visit(None, settings)
    try:
        return await gather(suite, places(None, None, settings), settings)
    finally:
        await suite.close()


def found(facts: Facts, check: str) -> list[Finding]:
    """What one check says."""
    return [one for one in examine(facts) if one.check == check]


@pytest.fixture(scope="module")
async def sound(running: Town, tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What a suite tells in which nothing is wrong."""

    async def settled() -> Facts:
        facts = await facts_of(running, tmp_path_factory.mktemp("sound"))
        # Partitions take seconds to be taken up; and a crowded machine is slow, which is not asked here.
        facts = replace(facts, services=[replace(one, milliseconds=1.0) for one in facts.services])
        assert facts.redis is not None
        facts = replace(facts, redis=replace(facts.redis, milliseconds=0.1))
        assert [one for one in examine(facts) if one.severity != Severity.NOTE] == []
        return facts

    return await eventually(settled, within=60)


async def test_a_redis_without_an_append_only_file_is_an_error(
    running: Town, sound: Facts, tmp_path: Path
) -> None:
    async with Client.from_url(running.redis.url) as client:
        await client.config_set("appendonly", "no")
        await client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            facts = await facts_of(running, tmp_path)
        finally:
            await client.config_set("maxmemory-policy", "noeviction")
            await client.config_set("appendonly", "yes")
    assert [one.what for one in found(facts, "persistence")] == [
        "Redis keeps no append-only file (appendonly no)"
    ]
    assert [one.severity for one in found(facts, "memory")] == [Severity.WARNING]
    assert "allkeys-lru" in found(facts, "memory")[0].what


async def test_a_service_and_a_model_that_are_gone_are_named(
    running: Town, sound: Facts, tmp_path: Path
) -> None:
    page = running.pages["aggregator"].url
    before = running.terminal(tmp_path / "before").environment["TURNOUT_CLI_READY_FILE"]
    await running.stop("aggregator")
    await running.desk.servers["cancer-stump"].drain(grace=0)
    settings = CliSettings(ready_file=before)
    suite = Visit(None, settings)
    try:
        facts = await gather(suite, places(None, None, settings), settings)
    finally:
        await suite.close()
        await running.desk.servers["cancer-stump"].start(_port(running.desk.servers["cancer-stump"].address))
        await running.start("aggregator")
    # Beside a busy machine others may answer late as well.
    (away,) = [one for one in found(facts, "reachability") if one.what.startswith("aggregator ")]
    assert away.severity == Severity.ERROR
    assert away.what.startswith(f"aggregator does not answer at 127.0.0.1:{running.ports['aggregator']}")
    assert "ensembles fail" in away.why
    assert [one.what.partition(": ")[0] for one in found(facts, "replicas")] == [
        f"a process of aggregator does not answer at {page}"
    ]
    assert [one.what.partition(":")[0] for one in found(facts, "models")] == [
        "models/cancer-stump does not answer"
    ]
    said = {one.what.partition(";")[0]: one.severity for one in found(facts, "quorum")}
    assert said["routers/jury needs 2 answers and has 1 members left"] == Severity.ERROR
    assert said["routers/cancer has one variant left"] == Severity.WARNING


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.mark.parametrize(
    ("days", "trusted", "severity", "said"),
    [
        (-3, True, Severity.ERROR, "expired"),
        (5, True, Severity.WARNING, "expires in"),
        (400, True, None, ""),
        (400, False, Severity.ERROR, "is not trusted here"),
    ],
)
async def test_certificates_are_looked_at_as_a_client_sees_them(
    tmp_path: Path, days: int, trusted: bool, severity: Severity | None, said: str
) -> None:
    # An authority's certificates end with its own.
    lived = (datetime.now(UTC) - START).days
    authority, other = Authority(tmp_path, "authority", lived + days), Authority(tmp_path, "other")
    chain, key = authority.issue("server", "server", LOCAL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        shown = await handshake.shown(address, str((authority if trusted else other).path))
    finally:
        server.close()
        await server.wait_closed()
    facts = Facts(datetime.now(UTC).timestamp(), [Service("router", address, "SERVING", certificate=shown)])
    told = found(facts, "certificates")
    assert [one.severity for one in told] == ([severity] if severity else [])
    assert all(said in one.what for one in told)


@pytest.mark.parametrize(
    ("speaks", "told", "said"),
    [
        (True, {}, "it speaks TLS"),
        (True, {"tls_authorities": "{ca}"}, "it wants a certificate of yours; --cert FILE"),
        (True, {"tls_authorities": "{ca}", "tls_client_authorities": "{ca}"}, "may not trust the one"),
        (False, {"tls_authorities": "{ca}"}, "it does not speak TLS"),
        (False, {}, ""),
    ],
)
async def test_what_of_tls_is_in_the_way_is_said(
    tmp_path: Path, speaks: bool, told: dict[str, str], said: str
) -> None:
    authority = Authority(tmp_path, "authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "server", LOCAL))
    context.load_verify_locations(authority.path)
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context if speaks else None
    )
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = CliSettings.model_validate(
        {key: value.format(ca=authority.path) for key, value in told.items()}
    )
    try:
        found = await handshake.hindrance(address, settings)
    finally:
        server.close()
        await server.wait_closed()
    assert (said in found, bool(found)) == (True, bool(said))
    # Where nobody is there, nothing of TLS is in the way.
    assert await handshake.hindrance(address, settings) == ""


def redis(**info: str) -> Change:
    """As Redis' INFO would have it."""

    def change(facts: Facts) -> Facts:
        assert facts.redis is not None
        return replace(facts, redis=replace(facts.redis, info={**facts.redis.info, **info}))

    return change


def config(**told: str) -> Change:
    """As its CONFIG would have it."""

    def change(facts: Facts) -> Facts:
        assert facts.redis is not None
        assert facts.redis.config is not None
        known = {name.replace("_", "-"): value for name, value in told.items()}
        return replace(facts, redis=replace(facts.redis, config={**facts.redis.config, **known}))

    return change


def counted(name: str, value: float, **labels: str) -> Change:
    """As a metrics page would have it."""

    def change(facts: Facts) -> Facts:
        first, *others = facts.pages
        samples = [one for one in first.samples if one.name != name]
        kept = [replace(one, samples=[s for s in one.samples if s.name != name]) for one in others]
        return replace(facts, pages=[replace(first, samples=[*samples, Sample(name, labels, value)]), *kept])

    return change


def ahead(*seconds: float) -> Change:
    """As clocks would have it, Redis' first."""

    def change(facts: Facts) -> Facts:
        assert facts.redis is not None
        pages: Sequence[Page] = [
            replace(page, ahead=off) for page, off in zip(facts.pages, seconds[1:], strict=True)
        ]
        return replace(facts, redis=replace(facts.redis, ahead=seconds[0]), pages=pages)

    return change


def behind(facts: Facts) -> Facts:
    """A replica that serves what was before."""
    replica = type(facts.fleet.replicas[0])()
    replica.CopyFrom(facts.fleet.replicas[0])
    replica.generations["routers/cancer"] -= 1
    replica.errors["routers/jury"] = "an alias of nobody"
    return replace(facts, fleet=replace(facts.fleet, replicas=[replica]))


def failed(facts: Facts) -> Facts:
    """A router that did not deploy."""
    broken = Router(
        name="routers/broken", state=ROUTER_STATE_FAILED, state_message="a replica cannot load it"
    )
    return replace(facts, fleet=replace(facts.fleet, routers=[broken]))


def exposed(facts: Facts) -> Facts:
    """Open, where others reach it."""
    services = [replace(one, address="10.0.0.7:50051") for one in facts.services]
    return replace(facts, services=services)


def plain_text(facts: Facts) -> Facts:
    """A key that travels in the clear."""
    caller = Caller("ann", admin=False, method="api_key")
    return replace(facts, services=exposed(facts).services[:1], caller=caller)


def put_aside(facts: Facts) -> Facts:
    """Entries that nobody could apply."""
    assert facts.redis is not None
    return replace(facts, redis=replace(facts.redis, dead_letters={"events": 3, "truth": 0}))


E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE
BROKEN: Sequence[tuple[str, Change, Severity, str]] = (
    ("redis", redis(redis_version="6.0.16"), E, "version 6.0.16"),
    ("redis", redis(role="slave"), E, "is a replica"),
    ("redis", redis(loading="1"), W, "loads"),
    ("persistence", redis(aof_last_write_status="err"), E, "last write"),
    ("persistence", redis(aof_last_bgrewrite_status="err"), W, "rewrite"),
    ("persistence", redis(rdb_last_bgsave_status="err"), E, "snapshot"),
    ("persistence", config(appendfsync="no"), W, "appendfsync no"),
    ("persistence", config(appendfsync="everysec"), N, "each second"),
    ("memory", redis(maxmemory_policy="volatile-lru", maxmemory=str(2**40)), E, "volatile-lru"),
    ("memory", redis(evicted_keys="12"), E, "evicted 12 keys"),
    ("memory", redis(maxmemory="1000000", used_memory="800000"), W, "80% of maxmemory"),
    ("memory", redis(maxmemory="1000000", used_memory="950000"), E, "95% of maxmemory"),
    ("access", config(bind="* -::*", protected_mode="no", requirepass=""), E, "without a password"),
    ("access", exposed, E, "access is open"),
    ("access", plain_text, W, "without TLS"),
    ("replicas", behind, W, "serves generation 0 of routers/cancer, of which 1 is current"),
    ("replicas", behind, E, "could not load routers/jury: an alias of nobody"),
    ("routers", failed, E, "routers/broken failed to deploy: a replica cannot load it"),
    ("events", counted("turnout_events_spooled", 12.0), W, "12 events wait"),
    ("events", counted("turnout_events_dropped_total", 7.0), E, "7 events were lost"),
    ("events", counted("turnout_background_failures_total", 1.0), E, "1 background tasks"),
    ("events", counted("turnout_unexpected_errors_total", 2.0), W, "2 calls"),
    (
        "lag",
        counted("turnout_consumer_lag_events", 20_000.0, group="drift"),
        W,
        "drift is 20,000 entries behind",
    ),
    ("lag", counted("turnout_partitions_owned", 60.0, group="drift"), E, "nobody of drift works on 4 of 64"),
    ("dead-letters", put_aside, W, "3 entries of events"),
    ("clocks", ahead(0, 0, -8, 0, 0), W, "is 8 s behind this machine"),
    ("clocks", ahead(60, 0, 0, 0, 0), E, "is 60 s ahead of this machine"),
    ("clocks", ahead(40, 40, 40, 40, 40), E, "the clock of this machine is 40 s behind the suite"),
    ("untold", lambda facts: replace(facts, untold=["Redis is silent; --redis URL"]), N, "Redis is silent"),
)


@pytest.mark.parametrize(
    ("check", "change", "severity", "said"), BROKEN, ids=[f"{one[0]} {one[3]}" for one in BROKEN]
)
def test_what_is_broken_is_found_and_can_be_mended(
    sound: Facts, check: str, change: Change, severity: Severity, said: str
) -> None:
    told = [one for one in found(change(sound), check) if said in one.what]
    assert [one.severity for one in told] == [severity], examine(change(sound))
    assert told[0].why
    assert told[0].mend


def test_every_check_is_shown_broken_somewhere() -> None:
    others = {"reachability", "quorum", "models", "certificates", "baselines"}
    assert {one[0] for one in BROKEN} | others == set(CHECKS)


def is_there(about: str) -> bool:
    """Whether there is such a chapter."""
    page, _, anchor = about.partition("#")
    lines = (ROOT / page).read_text().splitlines()
    headings = [line.lstrip("# ").lower().replace(" ", "-") for line in lines if line[:1] == "#"]
    return not anchor or anchor in headings


def test_every_chapter_that_a_finding_names_is_there() -> None:
    assert [about for about in CHAPTERS.values() if not is_there(about)] == []


def test_what_nobody_foresaw_has_a_chapter_of_its_own(sound: Facts) -> None:
    for metric, chapter in (
        ("turnout_unexpected_errors_total", "turnoutunexpectederrors"),
        ("turnout_events_dropped_total", "turnouteventslost"),
    ):
        (told,) = found(counted(metric, 2.0)(sound), "events")
        assert told.about.endswith(f"#{chapter}")
        assert is_there(told.about)


def test_a_certificate_of_tomorrow_is_told() -> None:
    shown = Certificate(["here"], begins=90_000.0, ends=9e9)
    (told,) = found(Facts(0.0, [Service("drift", "a:1", "SERVING", certificate=shown)]), "certificates")
    assert "valid only in 1.0 days" in told.what


def test_a_suite_of_this_directory_is_found_with_its_redis_and_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REDIS_URL", raising=False)
    here = tmp_path / ".turnout/up"
    for name in ("router", "drift", "gateway"):
        Announcement(here, name, 0).publish(
            address=f"127.0.0.1:{len(name)}", metrics=f"http://127.0.0.1/{name}"
        )
    Announcement(here, "redis", 0).publish(address="127.0.0.1:6390", metrics="")
    told = places(None, None, CliSettings())
    assert told.services["router"] == "127.0.0.1:6"
    assert told.services["gateway"] == "127.0.0.1:7"
    assert told.pages == {"router": ["http://127.0.0.1/router"], "drift": ["http://127.0.0.1/drift"]}
    assert told.redis == "redis://127.0.0.1:6390/0"
    assert places(None, "redis://elsewhere:1", CliSettings()).redis == "redis://elsewhere:1"
    assert places("front:8080", None, CliSettings()).services == {"gateway": "front:8080"}
