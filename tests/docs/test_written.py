"""The generated pages say what the code says, and leave nothing out."""

import pytest
from google.protobuf import descriptor_pool
from turnout.inference.v1.error_reason_pb2 import ErrorReason

from services.foundation.configuration import PROCESSES, common_keys
from services.foundation.metrics import Metrics
from services.foundation.settings import Settings
from tests.contract.test_names import methods
from tests.docs import settings
from tests.docs.metrics import FOREIGN, instruments
from tests.docs.own_errors import OWN
from tests.docs.rpcs import page as rpcs
from tests.docs.written import PAGES, ROOT


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    """When this fails: make docs."""
    assert (ROOT / name).read_text() == PAGES[name]()


def test_every_rpc_has_a_chapter_with_every_field_of_its_request() -> None:
    text = rpcs()
    for name, method in methods().items():
        service, _, rpc = name.partition("/")
        chapter = text.partition(f".{service}\n")[2].partition(f"\n### {rpc}\n")[2].partition("\n### ")[0]
        assert chapter, name
        told = [line.split("`")[1] for line in chapter.splitlines() if line.startswith("| `")]
        assert told[: len(method.input_type.fields)] == [field.name for field in method.input_type.fields]


def test_every_field_has_a_sentence() -> None:
    silent = [
        line
        for line in rpcs().splitlines()
        if line.startswith("| `") and line.split(" | ")[2].strip() in ("", "|")
    ]
    assert silent == []


def test_the_errors_that_are_told_exist() -> None:
    named = {reason for reasons in OWN.values() for reason in reasons}
    assert {f"ERROR_REASON_{reason}" for reason in named} <= set(ErrorReason.keys())
    assert set(OWN) <= set(methods())


def test_every_process_has_its_settings_on_the_page_and_each_has_a_sentence() -> None:
    assert set(settings.PROCESSES) == set(PROCESSES)
    rows = [line for line in settings.page().splitlines() if line.startswith("| `TURNOUT_") and " | " in line]
    own = sum(len(one.model_fields.keys() - common_keys(one)) for one, _ in settings.PROCESSES.values())
    assert len(rows) == own + len(Settings.model_fields)
    assert [row for row in rows if not row.split(" | ")[-1].strip(" |")] == []


def test_every_instrument_is_on_the_page_with_its_labels() -> None:
    told = {one.name.removesuffix("_total"): one.labels for one in instruments()}
    exposed = {family.name for family in Metrics().registry.collect()}
    assert told.keys() == {name for name in exposed if not name.startswith(FOREIGN)}
    assert told["ensemble_routing_decisions"] == ("strategy", "model")
    assert told["turnout_consumer_lag_events"] == ("group", "stream", "partition")
    assert told["turnout_rpc"] == ("method", "code")


def test_the_open_inference_protocol_is_told_by_name() -> None:
    service = descriptor_pool.Default().FindServiceByName("inference.GRPCInferenceService")
    assert all(f"- `{method.name}`" in rpcs() for method in service.methods)
