"""The Huffman code of HPACK, https://www.rfc-editor.org/rfc/rfc7541#appendix-B.

The code is canonical: symbols of equal length have ascending codes. So it is all told by how long each
symbol's code is, run by run, in the order of the symbols 0 to 256 (the end of a string).
"""

from itertools import count

_LENGTHS = (
    "13 23 28*7 24 30 28*2 30 28*8 30 28*9 6 10*2 12 13 6 8 11 10*2 8 11 8 6*3 5*3 6*7 7 8 15 6 12 10 13 6 "
    "7*22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6*3 5 7*2 6*3 5 6 7 6 5*2 6 7*5 15 11 14 13 28 20 22 20*2 22*3 "
    "23 22 23*5 24 23 24*2 22 23 24 23*4 21 22 23 22 23*2 24 22 21 20 22*2 23*2 21 23 22*2 24 21 22 23*2 "
    "21*2 22 21 23 22 23*2 20 22*3 23 22*2 23 26*2 20 19 22 23 22 25 26*3 27*2 26 24 25 19 21 26 27*2 26 "
    "27 24 21*2 26*2 28 27*3 20 24 20 21 22 21*2 23 22*2 25*2 24*2 26 23 26 27 26*2 27*5 28 27*5 26 30"
)
_END = 256


def _code() -> dict[tuple[int, int], int]:
    lengths: list[int] = []
    for run in _LENGTHS.split():
        bits, _, times = run.partition("*")
        lengths += [int(bits)] * int(times or 1)
    found: dict[tuple[int, int], int] = {}
    code = before = 0
    for length, symbol in sorted(zip(lengths, count(), strict=False)):
        code <<= length - before
        found[length, code] = symbol
        code, before = code + 1, length
    return found


_SYMBOLS = _code()


def decoded(raw: bytes) -> bytes:
    """What a string says. Raises ValueError for what is no such code."""
    out = bytearray()
    code = length = 0
    for byte in raw:
        for bit in range(7, -1, -1):
            code, length = code << 1 | byte >> bit & 1, length + 1
            symbol = _SYMBOLS.get((length, code))
            if symbol is not None:
                if symbol == _END:
                    raise ValueError("the end of a string inside it")
                out.append(symbol)
                code = length = 0
    # What is left over is padding: fewer than eight ones.
    if length > 7 or code != (1 << length) - 1:
        raise ValueError("a string that ends in the middle of a symbol")
    return bytes(out)
