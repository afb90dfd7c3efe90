"""What other servers may say, and what must not be believed."""

import pytest

from services.models.http2 import frames
from services.models.http2.frames import DATA, END_HEADERS, END_STREAM, HEADERS
from services.models.http2.link import Link
from services.models.http2.outcome import Ended, Unprocessed
from tests.models.http2.peers import MOST_BYTES, PATH, TRACE, Peer, linked, peering, told
from tests.models.http2.test_link import begun
from tests.waiting import eventually

MESSAGE = b"\0\0\0\0\3yes"


async def asked(link: Link) -> bytes:
    return await begun(link, b"?").reply


async def test_padding_priorities_continuations_and_pieces_are_taken_apart() -> None:
    def answer(peer: Peer, stream: int) -> None:
        peer.say(frames.PING, 0, 0, b"12345678")
        peer.say(HEADERS, frames.PADDED | frames.PRIORITY, stream, b"\x02" + bytes(5) + b"\x88" + bytes(2))
        peer.say(frames.CONTINUATION, END_HEADERS, stream, b"\x00\x01a\x01b")
        peer.say(DATA, 0, stream, MESSAGE[:3])
        peer.say(DATA, frames.PADDED, stream, b"\x01" + MESSAGE[3:] + b"\0")
        # A kind that is not known is passed over.
        peer.say(200, 0, stream, b"?")
        peer.say(HEADERS, END_HEADERS | END_STREAM, stream, told("0"))

    async with peering(answer) as (peer, address), linked(address) as link:
        assert [await asked(link) for _ in range(2)] == [b"yes"] * 2
        assert (frames.PING, frames.ACK, 0, b"12345678") in peer.seen
        assert (frames.SETTINGS, frames.ACK, 0, b"") in peer.seen


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ((HEADERS, END_HEADERS | END_STREAM, told("5", grpc_message="a%20model")), "NOT_FOUND: a model"),
        ((HEADERS, END_HEADERS | END_STREAM, told("99")), "UNKNOWN: "),
        ((HEADERS, END_HEADERS | END_STREAM, b"\x8d"), "UNIMPLEMENTED: no gRPC status"),
        ((HEADERS, END_HEADERS | END_STREAM, told("0")), "INTERNAL: a reply that is not one plain message"),
        ((DATA, END_STREAM, MESSAGE), "UNKNOWN: no gRPC status"),
        ((frames.RST_STREAM, 0, frames.number(frames.CANCEL)), "CANCELLED: "),
        ((frames.RST_STREAM, 0, frames.number(2)), "INTERNAL: it broke the call off"),
    ],
)
async def test_a_call_ends_with_what_the_server_says(ending: tuple[int, int, bytes], status: str) -> None:
    def answer(peer: Peer, stream: int) -> None:
        kind, flags, payload = ending
        peer.say(kind, flags, stream, payload)

    async with peering(answer) as (_, address), linked(address) as link:
        with pytest.raises(Ended, match=status):
            await asked(link)
        assert link.open


@pytest.mark.parametrize("body", [b"\1\0\0\0\3yes", b"\0\0\0\0\2yes", b"\0\0\0", MESSAGE * 2])
async def test_only_one_plain_message_is_a_reply(body: bytes) -> None:
    def answer(peer: Peer, stream: int) -> None:
        peer.say(DATA, 0, stream, body)
        peer.say(HEADERS, END_HEADERS | END_STREAM, stream, told("0"))

    async with peering(answer) as (_, address), linked(address) as link:
        with pytest.raises(Ended, match="INTERNAL: a reply that is not one plain message"):
            await asked(link)


async def test_what_the_server_did_not_begin_may_be_asked_elsewhere() -> None:
    def refuse(peer: Peer, stream: int) -> None:
        peer.say(frames.RST_STREAM, 0, stream, frames.number(frames.REFUSED_STREAM))

    def leave(peer: Peer, stream: int) -> None:
        peer.say(frames.GOAWAY, 0, 0, frames.number(stream - 2) + frames.number(0))

    async with peering(refuse) as (peer, address), linked(address) as link:
        with pytest.raises(Unprocessed):
            await asked(link)
        peer.answer = leave
        with pytest.raises(Unprocessed):
            await asked(link)
        assert not link.open


@pytest.mark.parametrize(
    "wrong",
    [
        frames.frame(HEADERS, END_HEADERS, 1, b"\xbe"),
        frames.frame(HEADERS, END_HEADERS | frames.PADDED, 1, b"\x09"),
        frames.frame(frames.CONTINUATION, END_HEADERS, 1, b"\x88"),
        frames.frame(DATA, 0, 1, bytes(frames.FRAME_BYTES + 1)),
        frames.frame(frames.SETTINGS, 0, 0, b"123"),
        frames.frame(frames.RST_STREAM, 0, 1, b""),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
async def test_a_server_that_speaks_no_such_protocol_is_left(wrong: bytes) -> None:
    async with peering(lambda peer, _: peer.transport.write(wrong)) as (_, address), linked(address) as link:
        with pytest.raises(Ended, match="UNAVAILABLE: the connection was closed"):
            await asked(link)
        assert not link.open


async def test_sends_no_more_than_the_server_has_room_for() -> None:
    async with peering(lambda peer, stream: peer.reply(stream)) as (peer, address), linked(address) as link:
        # Nobody said more than the RFC does: 16 kB a frame, and 65,535 bytes until there is more room.
        assert link.begin(bytes(16_380), 1.0, TRACE) is None
        for _ in range(4):
            assert await begun(link, bytes(16_000)).reply == b"yes"
        assert link.begin(bytes(2_000), 1.0, TRACE) is None
        peer.say(frames.WINDOW_UPDATE, 0, 0, frames.number(20_000))
        await eventually(
            lambda: (again := link.begin(bytes(16_000), 30.0, TRACE)) is not None and again.reply
        )


async def test_a_server_with_a_smaller_table_is_not_for_us() -> None:
    settings = {frames.HEADER_TABLE_SIZE: 100}
    async with peering(lambda peer, stream: peer.reply(stream), settings) as (_, address):
        link = Link(address, PATH, MOST_BYTES)
        assert link.begin(b"", 1.0, TRACE) is None
        await eventually(lambda: link._connecting is None)
        assert not link.open


async def test_a_peer_that_went_silent_gets_no_more_calls() -> None:
    async with peering(lambda _peer, _stream: None) as (peer, address), linked(address) as link:
        slow = begun(link, b"", 0.05)
        # It answers others meanwhile, so the call alone was slow.
        peer.say(frames.PING, 0, 0, b"12345678")
        await eventually(lambda: any(kind == frames.PING for kind, *_ in peer.seen))
        with pytest.raises(Ended, match="DEADLINE_EXCEEDED"):
            await slow.reply
        link.doubt(slow)
        assert link.open
        lost = begun(link, b"", 0.05)
        with pytest.raises(Ended, match="DEADLINE_EXCEEDED"):
            await lost.reply
        link.doubt(lost)
        assert not link.open
