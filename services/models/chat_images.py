"""Images in a conversation, as parts of a message's content."""

import base64
import re
from typing import Any

from turnout.inference.v1.input_pb2 import ImageInput

from services.models.problems import Problems

# RFC 6838: a type and a subtype; parameters have no place in an image's.
MEDIA_TYPE = re.compile(r"image/[A-Za-z0-9][A-Za-z0-9.+-]*")


def image_part(image: ImageInput, path: str, problems: Problems) -> dict[str, Any]:
    """By its URI, which the server fetches, or whole in a data URI (RFC 2397). What is wrong goes to
    `problems`."""
    url = image.uri
    if image.WhichOneof("source") == "content":
        if not MEDIA_TYPE.fullmatch(image.mime):
            told = f"a media type such as image/png expected, got '{image.mime[:40]}'"
            problems.add(f"{path}.mime", told)
        url = f"data:{image.mime};base64,{base64.b64encode(image.content).decode()}" if image.content else ""
    if not url:
        problems.add(path, "content or uri expected")
    return {"type": "image_url", "image_url": {"url": url}}
