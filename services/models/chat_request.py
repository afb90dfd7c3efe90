"""What a chat model is asked: Turnout's input as the JSON body of a chat completion."""

import json
import math
from typing import Any

from turnout.inference.v1.input_pb2 import ChatInput, ChatMessage, Input, Sampling, ToolCall

from services.models.chat_images import image_part
from services.models.errors import InputMismatch
from services.models.plain_json import plain
from services.models.problems import Problems
from services.models.signature import Request

ROLES = ("system", "developer", "user", "assistant", "tool")


def chat_request(model: str, settings: dict[str, Any], given: Input) -> Request:
    """`settings` are the members that do not change between calls. Raises InputMismatch about `model` with a
    path per problem."""
    problems = Problems()
    body: dict[str, Any] = dict(settings)
    match given.WhichOneof("kind"):
        case "text":
            body["messages"] = [{"role": "user", "content": given.text}]
        case "chat":
            body.update(_chat(given.chat, problems))
        case "image":
            shown = [image_part(given.image, "input.image", problems)]
            body["messages"] = [{"role": "user", "content": shown}]
        case kind:
            problems.add("input", f"chat, text or image expected, got {kind or 'nothing'}")
    problems.settle(InputMismatch, f"the input does not fit {model}", model)
    return Request(json.dumps(body, ensure_ascii=False).encode(), 1)


def _chat(chat: ChatInput, problems: Problems) -> dict[str, Any]:
    if not chat.messages:
        problems.add("input.chat.messages", "at least one message expected")
    body: dict[str, Any] = {
        "messages": [_message(message, index, problems) for index, message in enumerate(chat.messages)]
    }
    if chat.tools:
        body["tools"] = [
            plain(tool, f"input.chat.tools[{index}]", problems) for index, tool in enumerate(chat.tools)
        ]
    if chat.HasField("response_format"):
        body["response_format"] = plain(chat.response_format, "input.chat.response_format", problems)
    body.update(sampling_settings(chat.sampling, "input.chat.sampling", problems))
    return body


def _message(message: ChatMessage, index: int, problems: Problems) -> dict[str, Any]:
    path = f"input.chat.messages[{index}]"
    if message.role not in ROLES:
        told = f"one of {', '.join(ROLES)} expected, got '{message.role[:40]}'"
        problems.add(f"{path}.role", told)
    said: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name:
        said["name"] = message.name
    if message.tool_call_id:
        said["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        if message.role != "assistant":
            problems.add(f"{path}.tool_calls", "only a message of role assistant asks to call tools")
        said["content"] = message.content or None
        said["tool_calls"] = [
            _tool_call(call, f"{path}.tool_calls[{place}]", problems)
            for place, call in enumerate(message.tool_calls)
        ]
    if message.images:
        if message.role != "user":
            problems.add(f"{path}.images", "only a message of role user shows images")
        said["content"] = [
            *([{"type": "text", "text": message.content}] if message.content else []),
            *(
                image_part(image, f"{path}.images[{place}]", problems)
                for place, image in enumerate(message.images)
            ),
        ]
    return said


def _tool_call(call: ToolCall, path: str, problems: Problems) -> dict[str, Any]:
    if not call.name:
        problems.add(f"{path}.name", "the name of a function expected")
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    return {"id": call.id, "type": "function", "function": function}


def sampling_settings(sampling: Sampling, path: str, problems: Problems) -> dict[str, Any]:
    """As members of the request's body, and only what is set: the rest is the model's own default."""
    if not (math.isfinite(sampling.temperature) and sampling.temperature >= 0):
        problems.add(f"{path}.temperature", f"a number from 0 expected, got {sampling.temperature}")
    if sampling.HasField("top_p") and not 0 < sampling.top_p <= 1:
        problems.add(f"{path}.top_p", f"a share above 0 and up to 1 expected, got {sampling.top_p}")
    if sampling.HasField("max_tokens") and sampling.max_tokens < 1:
        problems.add(f"{path}.max_tokens", f"a number from 1 expected, got {sampling.max_tokens}")
    names = ("temperature", "top_p", "max_tokens", "seed")
    body: dict[str, Any] = {name: getattr(sampling, name) for name in names if sampling.HasField(name)}
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return body
