"""The measures of the house: no giants, and small things on the whole. `make check` runs it."""

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

FUNCTION_LINES = 40
MEDIAN_FILE_LINES = 100
MEDIAN_FUNCTION_LINES = 8

# Most lines per file, by folder: a test may tell a longer story than the code that it is about.
FILE_LINES = {"services": 250, "examples": 250, "benchmarks": 250, "tests": 400}

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Measured(NamedTuple):
    """One file: its lines, and each function's name and lines without its docstring."""

    path: Path
    lines: int
    functions: list[tuple[str, int]]


def measure(path: Path) -> Measured:
    """Read one file."""
    text = path.read_text()
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)]
    return Measured(path, text.count("\n"), [(node.name, lines_of(node)) for node in found])


def lines_of(function: Function) -> int:
    """The lines of a function, its decorators and docstring not counted."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return lines
    return lines - ((first.end_lineno or first.lineno) - first.lineno + 1)


def complaints(folder: str, files: list[Measured]) -> Iterator[str]:
    """What is too large in a folder, and its medians where they are too high."""
    for path, lines, functions in files:
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        if lines > FILE_LINES[folder]:
            yield f"{name}: {lines} lines; {FILE_LINES[folder]} at most: a room that wants splitting"
        for function, length in functions:
            if length > FUNCTION_LINES:
                yield f"{name}: {function} has {length} lines; {FUNCTION_LINES} at most"
    yield from _medians(folder, files)


def _medians(folder: str, files: list[Measured]) -> Iterator[str]:
    if folder != "services":
        return
    lines = statistics.median(file.lines for file in files)
    functions = statistics.median(length for file in files for _, length in file.functions)
    if lines > MEDIAN_FILE_LINES:
        yield f"{folder}: the median file has {lines:g} lines; {MEDIAN_FILE_LINES} at most"
    if functions > MEDIAN_FUNCTION_LINES:
        yield f"{folder}: the median function has {functions:g} lines; {MEDIAN_FUNCTION_LINES} at most"


def main() -> int:
    """Print every complaint; 1 when there is one."""
    found: list[str] = []
    for folder in FILE_LINES:
        files = [measure(path) for path in sorted((ROOT / folder).rglob("*.py"))]
        found += complaints(folder, files) if files else []
    sys.stdout.writelines(f"{line}\n" for line in found)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
