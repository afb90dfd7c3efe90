"""The measures of the house catch what they are for."""

from pathlib import Path

from tests.house import Measured, complaints, measure


def written(tmp_path: Path, text: str) -> Measured:
    path = tmp_path / "room.py"
    path.write_text(text)
    return measure(path)


def test_a_function_is_measured_without_its_docstring(tmp_path: Path) -> None:
    file = written(tmp_path, 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n')
    assert file.functions == [("f", 2)]


def test_a_giant_function_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, "async def giant():\n" + "    x = 1\n" * 40)
    assert any("giant has 41 lines" in line for line in complaints("tests", [file]))


def test_a_long_file_is_named_where_the_folder_forbids_it(tmp_path: Path) -> None:
    file = written(tmp_path, "x = 1\n" * 300)
    assert any("300 lines" in line for line in complaints("examples", [file]))
    assert list(complaints("tests", [file])) == []


def test_high_medians_are_named(tmp_path: Path) -> None:
    file = written(tmp_path, "def f():\n" + "    x = 1\n" * 9 + "y = 1\n" * 100)
    said = "\n".join(complaints("services", [file]))
    assert "the median file has 110 lines" in said
    assert "the median function has 10 lines" in said
