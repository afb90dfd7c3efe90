"""Rows of files of people: CSV, or a JSON object per line."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from services.foundation.errors import InvalidArgument

STDIN = Path("-")


class BadFile(InvalidArgument):
    """A file that is not what its name or its first line says."""


class Line(NamedTuple):
    """A row. `number` is its line in the file, from 1; `until` how many bytes of the file were read by
    then. `wrong` says why it is none, such as where it has too many values or too few."""

    number: int
    values: Mapping[str, Any]
    until: int
    wrong: str = ""


def lines(path: Path) -> Iterator[Line]:
    """The rows of a file, - for standard input. What begins with a brace is NDJSON, anything else CSV with a
    header. Raises BadFile, OSError."""
    with sys.stdin if path == STDIN else path.open(newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        if not first.strip():
            raise BadFile(f"{path}: its first line is empty; a CSV begins with its header")
        reader = _objects if first.lstrip().startswith("{") else _rows
        try:
            yield from reader(path, first, file)
        except UnicodeDecodeError:
            raise BadFile(f"{path}: not text in UTF-8") from None


def _objects(_path: Path, first: str, file: TextIO) -> Iterator[Line]:
    read = 0
    for number, text in enumerate(_with(first, file), 1):
        read += len(text)
        if not text.strip():
            continue
        told, wrong = _object(text)
        yield Line(number, told, read, wrong)


def _object(text: str) -> tuple[Mapping[str, Any], str]:
    """What a line says, and why that is no object."""
    try:
        told = json.loads(text.rstrip())
    except json.JSONDecodeError as broken:
        return {}, f"no JSON: {broken.msg} at character {broken.colno}"
    except RecursionError:
        return {}, "no JSON: nested too deeply"
    return (told, "") if isinstance(told, dict) else ({}, "a JSON object is expected")


def _rows(path: Path, first: str, file: TextIO) -> Iterator[Line]:
    read = 0

    def counted() -> Iterator[str]:
        nonlocal read
        for text in _with(first, file):
            read += len(text)
            yield text

    rows = csv.reader(counted())
    header = next(rows)
    if len(set(header)) != len(header):
        raise BadFile(f"{path}: a column stands twice in its header")
    for row in rows:
        if not row:
            continue
        if len(row) != len(header):
            wrong = f"{len(row)} values, and the header has {len(header)} columns"
            held = dict(zip_longest(header, row[: len(header)], fillvalue=""))
            yield Line(rows.line_num, held, read, wrong)
            continue
        yield Line(rows.line_num, dict(zip(header, row, strict=True)), read)


def _with(first: str, file: TextIO) -> Iterator[str]:
    yield first
    yield from file
