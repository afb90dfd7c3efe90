"""docs/schema/turnout.schema.json: what editors know of declarative files."""

import json

from services.cli.declared.schema import schema
from services.gateway import contract


def page() -> str:
    """The document."""
    return json.dumps(schema(contract.read().comments), indent=1, ensure_ascii=False) + "\n"
