"""JSON in lists and objects, as deep as it takes."""

from google.protobuf.struct_pb2 import Value


def nested(levels: int, *, objects: bool = True) -> Value:
    """A value in so many objects, or lists."""
    found = Value(bool_value=True)
    for _ in range(levels):
        outer = Value()
        inner = outer.struct_value.fields["in"] if objects else outer.list_value.values.add()
        inner.CopyFrom(found)
        found = outer
    return found
