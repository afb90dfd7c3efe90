"""What the official client says to a server and hears from it: `openai_client.py URL`, JSON on the output."""

import json
import sys
from typing import Any

import openai

client = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="sk-test", max_retries=0)
HELLO: Any = [{"role": "user", "content": "good morning"}]
ADD: Any = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"maximum": 2}}}},
}
CALLED: Any = [
    {"role": "user", "content": "add"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call-1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
        ],
    },
    {"role": "tool", "content": "two", "tool_call_id": "call-1"},
]
IMAGE: Any = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
        ],
    }
]


def chat(messages: Any, **how: Any) -> Any:
    return client.chat.completions.create(model="writer-7b", messages=messages, **how)


def answer_of(reply: Any) -> dict[str, Any]:
    (choice,) = reply.choices
    calls = [(one.id, one.function.name, one.function.arguments) for one in choice.message.tool_calls or ()]
    return {
        "content": choice.message.content,
        "finish_reason": choice.finish_reason,
        "tool_calls": calls,
        "usage": [reply.usage.prompt_tokens, reply.usage.completion_tokens],
    }


def streamed() -> dict[str, Any]:
    """The same in pieces, put together as the client's documentation does."""
    pieces: list[str] = []
    calls: dict[int, list[str]] = {}
    usage, finish = None, None
    for chunk in chat(HELLO, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            pieces.append(choice.delta.content or "")
            for call in choice.delta.tool_calls or ():
                known = calls.setdefault(call.index, ["", "", ""])
                known[0] = call.id or known[0]
                known[1] += call.function.name or ""
                known[2] += call.function.arguments or ""
    found = [usage.prompt_tokens, usage.completion_tokens] if usage is not None else []
    return {
        "content": "".join(pieces),
        "finish_reason": finish,
        "tool_calls": list(calls.values()),
        "usage": found,
    }


def refused() -> dict[str, Any]:
    try:
        chat(HELLO)
    except openai.APIStatusError as error:
        wait = error.response.headers.get("retry-after")
        return {"kind": type(error).__name__, "message": error.message, "retry_after": wait}
    except openai.APIError as error:
        return {"kind": type(error).__name__}
    return {}


def vectors(**how: Any) -> Any:
    reply = client.embeddings.create(model="all-minilm", input=["a cat sat", "é"], **how)
    return {"values": [one.embedding for one in reply.data], "usage": reply.usage.prompt_tokens}


ASKS: dict[str, Any] = {
    "chat": lambda: answer_of(chat(HELLO, temperature=0, top_p=0.5, seed=11, stop=["END"], max_tokens=7)),
    "tools": lambda: answer_of(chat(HELLO, tools=[ADD], response_format={"type": "json_object"})),
    "called": lambda: answer_of(chat(CALLED)),
    "image": lambda: answer_of(chat(IMAGE)),
    "stream": streamed,
    "refused": refused,
    "embeddings": vectors,
    "decimals": lambda: vectors(encoding_format="float"),
}
for line in sys.stdin:
    # One line per answer, so that the server can be told to behave otherwise in between.
    sys.stdout.write(json.dumps(ASKS[line.strip()]()) + "\n")
    sys.stdout.flush()
