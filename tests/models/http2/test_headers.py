"""Header blocks, by the examples of RFC 7541, appendix C."""

import pytest

from services.models.http2.headers import WrongBlock, first_block, integer, later_block, read, string
from services.models.http2.huffman import decoded


def test_numbers_as_the_rfc_writes_them() -> None:
    assert integer(10, 5) == bytes([10])
    assert integer(1337, 5) == bytes([31, 154, 10])
    assert integer(31, 5) == bytes([31, 0])


@pytest.mark.parametrize(
    ("packed", "plain"),
    [
        ("f1e3c2e5f23a6ba0ab90f4ff", b"www.example.com"),
        ("a8eb10649cbf", b"no-cache"),
        ("25a849e95bb8e8b4bf", b"custom-value"),
        ("d07abe941054d444a8200595040b8166e082a62d1bff", b"Mon, 21 Oct 2013 20:13:21 GMT"),
        ("94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
         b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
        ("", b""),
    ],
)  # fmt: skip
def test_strings_as_the_rfc_packs_them(packed: str, plain: bytes) -> None:
    assert decoded(bytes.fromhex(packed)) == plain


@pytest.mark.parametrize("packed", ["00", "f1e3c2e5f23a6ba0ab90f4ffff", "ffffffff"])
def test_refuses_what_is_no_such_string(packed: str) -> None:
    with pytest.raises(ValueError, match=r"a string|the end"):
        decoded(bytes.fromhex(packed))


def test_reads_every_form_that_needs_no_table() -> None:
    # The table's size, an entry of the static table, a name of it, a new name, and one never to be indexed.
    block = bytes((0x20, 0x88)) + b"\x5f\x10application/grpc" + b"\x00" + string("grpc-status") + string("0")
    assert read(block + b"\x10" + string("x") + b"\x86\xa8\xeb\x10\x64\x9c\xbf") == {
        ":status": "200",
        "content-type": "application/grpc",
        "grpc-status": "0",
        "x": "no-cache",
    }


def test_the_first_of_each_name_counts() -> None:
    said = b"".join(b"\x00" + string("grpc-status") + string(value) for value in ("5", "0"))
    assert read(said) == {"grpc-status": "5"}


@pytest.mark.parametrize(
    "block", [b"\xbe", b"\x80", b"\x00\x05ab", b"\x7f\xff\xff\xff\xff\xff", b"\x00\x01a"]
)
def test_refuses_what_it_cannot_read(block: bytes) -> None:
    with pytest.raises(WrongBlock):
        read(block)


def test_later_blocks_refer_to_the_entries_of_the_first() -> None:
    first = first_block([(":authority", "a"), (":path", "/p"), ("grpc-timeout", "1m"), ("traceparent", "t")])
    assert first.count(b"\x40") == 4
    # The newest entry is 62: behind the path came two, behind the authority three.
    assert later_block(2, ("grpc-timeout", "traceparent")) == b"\x83\x86" + bytes((0x80 | 65, 0x80 | 64))
