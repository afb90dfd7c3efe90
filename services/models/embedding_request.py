"""What an embedding model is asked: one text, or several at once."""

import json
from typing import Any

from turnout.inference.v1.input_pb2 import Input, TensorInput

from services.models.datatypes import DATATYPES, decode
from services.models.errors import InputMismatch
from services.models.layouts import Expected
from services.models.problems import Problems
from services.models.signature import Request
from services.models.tensors import pass_through

# As many as the hosted ones take in a call.
MOST_TEXTS = 2048
# Characters of one text: four to a token, the longest contexts of embedding models are 32,768 tokens.
LONGEST_TEXT = 131_072


def embedding_request(model: str, settings: dict[str, Any], takes: Expected, given: Input) -> Request:
    """`settings` are the members that do not change between calls; `takes` is the tensor of texts. Raises
    InputMismatch about `model` with a path per problem."""
    problems = Problems()
    texts: list[str] = []
    match given.WhichOneof("kind"):
        case "text":
            texts = [given.text]
            _check_length(given.text, "input.text", problems)
        case "tensors":
            texts = _texts(given.tensors, takes, problems)
        case kind:
            (name,) = takes
            told = f"text or tensors ('{name}', BYTES [rows]) expected, got {kind or 'nothing'}"
            problems.add("input", told)
    problems.settle(InputMismatch, f"the input does not fit {model}", model)
    body = settings | {"input": texts}
    return Request(json.dumps(body, ensure_ascii=False).encode(), len(texts))


def _texts(given: TensorInput, takes: Expected, problems: Problems) -> list[str]:
    rows = pass_through(given, takes, problems).rows
    if problems:
        return []
    raw = bool(given.raw_contents)
    path = "input.tensors." + ("raw_contents[0]" if raw else "tensors[0].contents.bytes_contents")
    try:
        kind = DATATYPES["BYTES"]
        parts = decode(kind, given.raw_contents[0]) if raw else given.tensors[0].contents.bytes_contents
    except ValueError as wrong:
        problems.add(path, str(wrong))
        return []
    if len(parts) != rows:
        problems.add(path, f"{rows} texts expected, one per row, got {len(parts)}")
    if len(parts) > MOST_TEXTS:
        problems.add(
            "input.tensors.tensors[0].shape", f"at most {MOST_TEXTS} rows expected, got {len(parts)}"
        )
        return []
    return [_text(part, f"{path}[{place}]", problems) for place, part in enumerate(parts)]


def _text(part: bytes, path: str, problems: Problems) -> str:
    try:
        text = part.decode()
    except UnicodeDecodeError as wrong:
        problems.add(path, f"a text in UTF-8 expected; byte {wrong.start} is none")
        return ""
    _check_length(text, path, problems)
    return text


def _check_length(text: str, path: str, problems: Problems) -> None:
    if len(text) > LONGEST_TEXT:
        problems.add(path, f"at most {LONGEST_TEXT} characters expected, got {len(text)}")
