"""What a setting means: the sentence that stands under it, read from the source when somebody asks.

Pydantic would read the sources of all settings each time that a process starts: a tenth of its start.
"""

import ast
import functools
import inspect
import itertools
import textwrap


def meaning(settings_type: type, name: str) -> str:
    """In one line; empty where nothing stands under it, or where there is no source to read."""
    return next((found[name] for kind in settings_type.__mro__ if name in (found := _sentences(kind))), "")


@functools.cache
def _sentences(kind: type) -> dict[str, str]:
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except (OSError, TypeError):
        return {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    return {
        declared.target.id: " ".join(said.value.value.split())
        for declared, said in itertools.pairwise(statements)
        if isinstance(declared, ast.AnnAssign)
        and isinstance(declared.target, ast.Name)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    }
