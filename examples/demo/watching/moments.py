"""Seconds since 1970 as the wire has them."""

from google.protobuf.timestamp_pb2 import Timestamp


def stamp(seconds: float) -> Timestamp:
    """A moment of the wire."""
    moment = Timestamp()
    moment.FromNanoseconds(int(seconds * 1e9))
    return moment
