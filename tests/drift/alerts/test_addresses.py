"""Where webhooks may lead."""

import pytest

from services.drift.alerts.addresses import LONGEST_URL, Reach, problem

METADATA = [
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/",
    "http://[fd00:ec2::254]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.google.internal./",
    "http://100.100.100.200/",
]


@pytest.mark.parametrize("url", METADATA)
def test_where_clouds_hand_out_credentials_is_refused_unless_anything_goes(url: str) -> None:
    assert "any allows it" in problem(url, "private")
    assert "any allows it" in problem(url, "public")
    assert problem(url, "any") == ""


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "http://10.0.0.7/x", "http://[::1]/", "http://192.168.1.1"]
)
def test_private_addresses_are_the_default_and_can_be_refused(url: str) -> None:
    assert problem(url, "private") == ""
    assert "private allows it" in problem(url, "public")


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.slack.com/x", "ftp://example.com/", "file:///etc/passwd", "gopher://x/",
        "javascript:alert(1)", "http://", "http:///path", "https://user:word@example.com/",
        "http://exa mple.com/", "http://x\r\nHost: y/", "http://[::1", "http://example.com:99999/",
        "http://example.com:0/", "http://0.0.0.0/", "http://224.0.0.1/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("reach", ["public", "private"])
def test_what_is_no_place_to_send_to_is_refused(url: str, reach: Reach) -> None:
    assert problem(url, reach)


def test_a_url_has_an_end() -> None:
    url = "https://example.com/"
    assert problem(url + "x" * (LONGEST_URL - len(url)), "public") == ""
    assert "2000 at most" in problem(url + "x" * (LONGEST_URL + 1 - len(url)), "public")
