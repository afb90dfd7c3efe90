"""Times of many predictions, out of the bytes of a Timestamp each."""

from collections.abc import Sequence

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from services.state.sound import Seconds, Word, number_of

# Fewer are read one by one in less time.
FEW = 32
# Seconds of the years 1978 to 3058 as a Timestamp begins: their tag, and five bytes of which all but the last
# say that another one follows.
SURE, EXPECTED, LAST = Word(0x80_80_80_80_80_FF), Word(0x00_80_80_80_80_08), Word(0x7F << 40)


def times_of(stamps: Sequence[bytes]) -> Seconds:
    """Whole seconds since 1970 of each; any of them, where bytes that nobody writes say them twice. Raises
    DecodeError for what is no Timestamp."""
    if len(stamps) < FEW:
        return np.array([Timestamp.FromString(stamp).seconds for stamp in stamps], dtype=np.int64)
    # The first eight bytes of each as a number; zeros for those that it does not have.
    words = np.array(stamps, "S8").view("<u8")
    found = number_of(words >> Word(8)).astype(np.int64)
    for place in np.flatnonzero((words & SURE != EXPECTED) | (words & LAST == 0)).tolist():
        found[place] = Timestamp.FromString(stamps[place]).seconds
    return found
