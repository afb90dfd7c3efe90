"""Header blocks (HPACK, RFC 7541), as far as one who lets nobody index anything for him meets them.

We tell the server that our table has no room, so its blocks are literals and entries of the static table,
and one status is the same bytes every time. Ours refer to entries that the first block of a connection adds.
"""

from collections.abc import Iterable, Sequence

from services.models.http2.huffman import decoded

# Names of the static table from index 1, and the values of those that have one.
_TABLE = (
    ":authority :method :method :path :path :scheme :scheme :status :status :status :status :status :status "
    ":status accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin "
    "age allow authorization cache-control content-disposition content-encoding content-language "
    "content-length content-location content-range content-type cookie date etag expect expires from host "
    "if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link location "
    "max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after server set-cookie "
    "strict-transport-security transfer-encoding user-agent vary via www-authenticate"
)
_NAMES = _TABLE.split()
_STATUSES = ("200", "204", "206", "304", "400", "404", "500")
_VALUES = ("", "GET", "POST", "/", "/index.html", "http", "https", *_STATUSES)
_STATIC = len(_NAMES)
# POST and http, which need no more than their index.
PREFIX = bytes((0x83, 0x86))


class WrongBlock(ValueError):
    """A header block that cannot be read: nothing on its connection can be relied on any more."""


def integer(value: int, bits: int, pattern: int = 0) -> bytes:
    """A number in the low `bits` of a byte that begins with `pattern`, and in further ones if need be."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((pattern | value,))
    out, value = bytearray((pattern | most,)), value - most
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def string(value: str) -> bytes:
    """A text, as it is."""
    raw = value.encode()
    return integer(len(raw), 7) + raw


def added(name: str, value: str) -> bytes:
    """A header that from now on is an entry of the table."""
    return b"\x40" + string(name) + string(value)


def indexed(behind: int) -> bytes:
    """The entry that `behind` others were added after."""
    return integer(_STATIC + 1 + behind, 7, 0x80)


def named(behind: int) -> bytes:
    """The name of such an entry; its value follows, as a `string`."""
    return integer(_STATIC + 1 + behind, 4)


def read(block: bytes) -> dict[str, str]:
    """The headers of a block, the first of each name. Raises WrongBlock."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(block):
            first = block[at]
            if first & 0xE0 == 0x20:
                # The size of the table: what we allow is none, and more than that adds nothing.
                _, at = _integer(block, at, 5)
                continue
            name, value, at = _header(block, at, first)
            found.setdefault(name, value)
    except (ValueError, IndexError) as wrong:
        raise WrongBlock(f"a header block that cannot be read: {wrong}") from None
    return found


def _header(block: bytes, at: int, first: int) -> tuple[str, str, int]:
    if first & 0x80:
        index, at = _integer(block, at, 7)
        return _name(index), _VALUES[index - 1] if index <= len(_VALUES) else "", at
    index, at = _integer(block, at, 6 if first & 0x40 else 4)
    if index:
        name = _name(index)
    else:
        name, at = _string(block, at)
    value, at = _string(block, at)
    return name, value, at


def _name(index: int) -> str:
    if not 1 <= index <= _STATIC:
        raise ValueError(f"no entry {index} in a table of {_STATIC}")
    return _NAMES[index - 1]


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    most = (1 << bits) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    for shift in range(0, 28, 7):
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
    raise ValueError("a number without end")


def _string(block: bytes, at: int) -> tuple[str, int]:
    packed = block[at] & 0x80
    length, at = _integer(block, at, 7)
    raw = block[at : at + length]
    if len(raw) != length:
        raise ValueError("a string longer than its block")
    # Trailers may hold anything; latin-1 takes every byte.
    return (decoded(raw) if packed else raw).decode("latin-1"), at + length


def first_block(headers: Iterable[tuple[str, str]]) -> bytes:
    """A request's headers, each an entry from now on."""
    return PREFIX + b"".join(added(name, value) for name, value in headers)


def later_block(constant: int, varying: Sequence[str]) -> bytes:
    """The constant part of a block that refers to `first_block`: its first `constant` headers were followed
    by as many as `varying` names."""
    return PREFIX + b"".join(indexed(len(varying) + behind) for behind in reversed(range(constant)))
