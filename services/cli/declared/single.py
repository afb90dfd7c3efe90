"""One object of a file, or of a command's words."""

from typing import Any

from services.cli.complaints import USAGE, fail, unusable
from services.cli.declared.loading import Declared, object_of, texts
from services.cli.declared.options import tell_and_end
from services.cli.declared.reading import Document, Path, Place, ProblemsError, documents
from services.cli.declared.shaping import Shaping


def single(section: str, told: dict[str, Any], file: str = "") -> Declared:
    """The one object of a section that a file declares, with what the command was told in its place. The file
    has the object's fields, or declares it under its section. What is wrong is told, with its place, and ends
    the command."""
    try:
        document, path, item = _item(section, file)
        shaping = Shaping(document)
        fields = {**item, **told} if isinstance(item, dict) else item
        made = list(object_of(section, fields, path, document, shaping))
        if shaping.problems:
            raise ProblemsError(shaping.problems)
        return made[0]
    except ProblemsError as wrong:
        tell_and_end(wrong)
    except OSError as failed:
        unusable(failed)


def _item(section: str, file: str) -> tuple[Document, Path, Any]:
    if not file:
        return Document({}, {(): Place("the command", 1, 1)}), (), {}
    found = [one for name, text in texts([file]) for one in documents(text, name)]
    if len(found) != 1:
        fail(f"{file} has {len(found)} documents, not one; turnout apply -f takes several", USAGE)
    value = found[0].value
    if not (isinstance(value, dict) and section in value):
        return found[0], (), value
    items = value[section]
    if not isinstance(items, list) or len(items) != 1:
        fail(f"{file} does not have one of {section}; turnout apply -f takes several", USAGE)
    return found[0], (section, 0), items[0]
