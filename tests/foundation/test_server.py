"""The four shapes of an RPC over a real channel."""

from services.foundation.client import Client, Unary
from tests.foundation.echo import SERVICE, Words


async def test_answers_a_unary_call(say: Unary) -> None:
    assert (await say(Words(text="hello"), timeout=5)).text == "hello"


async def test_passes_raw_bytes_through_untouched(client: Client) -> None:
    """A raw method sees bytes that are no message at all."""
    raw = client.unary(SERVICE, "Raw", raw=True)
    assert await raw(b"\xff\xfe no proto", timeout=5) == b"\xff\xfe no proto"


async def test_streams_replies(client: Client) -> None:
    replies = client.stream(SERVICE, "Count")(Words(count=3), timeout=5)
    assert [reply.count async for reply in replies] == [0, 1, 2]


async def test_takes_a_stream_of_requests(client: Client) -> None:
    words = [Words(text=text) for text in ("a", "b", "c")]
    assert (await client.upload(SERVICE, "Join")(words, timeout=5)).text == "a b c"


async def test_streams_both_ways(client: Client) -> None:
    words = [Words(text=text) for text in ("a", "b")]
    replies = client.exchange(SERVICE, "Chat")(words, timeout=5)
    assert [reply.text async for reply in replies] == ["A", "B"]
