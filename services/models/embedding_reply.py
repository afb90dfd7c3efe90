"""What an embedding model answered: the JSON of a list of embeddings as an Output, with tokens."""

import base64
import json
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from turnout.inference.v1.output_pb2 import Embedding, Output

from services.models.answer import Reply, malformed
from services.models.framing import delimited, number
from services.models.misshapen import EMBEDDINGS, complaint
from services.models.openai_usage import count, given_up

Floats = NDArray[np.float32]


def read_embedding_reply(raw: bytes, rows: int) -> Reply:
    """One vector per text, in the order of the texts. Raises CallFailed when they are not that."""
    try:
        body = json.loads(raw)
        given_up(body)
        data = body["data"]
        if len(data) != rows:
            raise malformed(f"{len(data)} embeddings for {rows} texts")
        vectors = [_vector(one["embedding"]) for one in _in_order(data)]
        usage = body.get("usage")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        said = complaint(raw, EMBEDDINGS, "vectors as numbers, or as base64 of 32-bit floats, expected")
        raise malformed(f"not a list of embeddings: {said}") from None
    return Reply(packed(_stacked(vectors)), None, count(usage, "prompt_tokens"))


def packed(vectors: Floats) -> bytes:
    """The serialized Output of vectors [rows, dimension]. Raises CallFailed for those that no distance can be
    taken of."""
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise malformed(f"embedding {int(finite.argmin())} holds a value that is not finite")
    # A packed field of floats is their bytes, little-endian, one behind the other.
    fields = delimited(Embedding.VALUES_FIELD_NUMBER, vectors.astype("<f4", copy=False).tobytes())
    fields += number(Embedding.DIMENSION_FIELD_NUMBER, vectors.shape[1])
    return delimited(Output.EMBEDDING_FIELD_NUMBER, fields)


def _stacked(vectors: Sequence[Floats]) -> Floats:
    widths = sorted({len(vector) for vector in vectors})
    if len(widths) != 1 or not widths[0]:
        raise malformed(f"embeddings of one dimension expected, got {widths[:10]}")
    return np.stack(vectors)


def _in_order(data: Sequence[Any]) -> Sequence[Any]:
    """By `index`, for servers that batch may answer out of order; as they come where none has one."""
    places = [one.get("index") for one in data]
    if all(place is None for place in places):
        return data
    if sorted(places) != list(range(len(data))):
        raise malformed(f"the embeddings' indices are not those of {len(data)} texts: {places[:10]}")
    return sorted(data, key=lambda one: int(one["index"]))


def _vector(given: Any) -> Floats:
    """From a list of numbers, or from base64 of little-endian FP32."""
    if isinstance(given, str):
        return np.frombuffer(base64.b64decode(given, validate=True), dtype="<f4")
    # An array takes numbers only, where numpy would read them out of strings too.
    numbers = np.frombuffer(array("d", given), dtype=np.float64)
    # What is too large becomes infinite, and is refused as such.
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)
