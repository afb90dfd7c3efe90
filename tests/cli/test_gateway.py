"""Whether a suite has a gateway."""

from services.cli.gateway import NOT_INSTALLED, NOT_WANTED, reason_for_none


def nothing(_name: str) -> None:
    return None


def something(name: str) -> str:
    return name


def test_there_is_one_where_envoy_is_in_whatever_way() -> None:
    assert reason_for_none(True, "", something, nothing) == ""
    assert reason_for_none(True, "", nothing, something) == ""
    assert reason_for_none(True, "/opt/envoy", nothing, nothing) == ""


def test_without_envoy_a_suite_says_how_to_get_one() -> None:
    assert reason_for_none(True, "", nothing, nothing) == NOT_INSTALLED
    assert "pip install" in NOT_INSTALLED


def test_who_wants_none_gets_none() -> None:
    assert reason_for_none(False, "/opt/envoy", something, something) == NOT_WANTED
