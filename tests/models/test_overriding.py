"""Overrides: the same model and instances, asked and read as a variant wants it."""

import json
import math
from typing import Any

import pytest
from turnout.inference.v1.input_pb2 import Input
from turnout.router.v1.overrides_pb2 import Overrides

from examples.fleet.catalog import registration
from services.models.chat_request import chat_request
from services.models.errors import InvalidModel
from services.models.overriding import LONGEST_TEXT, check_overrides, overridden
from services.models.problems import Problems
from services.models.registration import compile_model
from tests.models.chat_server import chat_server
from tests.models.example import open_pool
from tests.models.test_chat import ask, writer


def chat(*said: tuple[str, str], **sampling: Any) -> Input:
    messages = [{"role": role, "content": content} for role, content in said]
    return Input(chat={"messages": messages, "sampling": sampling})


def messages(given: Input) -> list[tuple[str, str]]:
    return [(one.role, one.content) for one in given.chat.messages]


@pytest.mark.parametrize("first", [(), (("system", "Old."),), (("developer", "Old."),)])
def test_a_system_prompt_takes_the_place_of_the_conversations(first: tuple[tuple[str, str], ...]) -> None:
    asked = overridden(chat(*first, ("user", "Hi"), ("system", "Later.")), Overrides(system_prompt="New."))
    assert messages(asked) == [("system", "New."), ("user", "Hi"), ("system", "Later.")]


def test_a_template_is_put_around_the_last_message_of_the_user() -> None:
    given = chat(("user", "one"), ("assistant", "two"), ("user", "th{r}ee"), ("tool", "four"))
    asked = overridden(given, Overrides(template='{"q": "{input}"} {input}'))
    assert messages(asked)[2] == ("user", '{"q": "th{r}ee"} th{r}ee')
    assert messages(asked)[0] == ("user", "one")
    assert messages(given)[2] == ("user", "th{r}ee")


def test_a_text_is_a_message_of_the_user() -> None:
    asked = overridden(Input(text="Hi"), Overrides(system_prompt="New.", template="<{input}>"))
    assert messages(asked) == [("system", "New."), ("user", "<Hi>")]


def test_sampling_goes_before_the_requests() -> None:
    given = chat(("user", "Hi"), temperature=1.0, max_tokens=7, stop=["a"])
    asked = overridden(given, Overrides(sampling={"temperature": 0.0, "seed": 5, "stop": ["b"]}))
    body = json.loads(chat_request("models/x", {}, asked).body)
    assert (body["temperature"], body["max_tokens"], body["seed"], body["stop"]) == (0.0, 7, 5, ["b"])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"system_prompt": "x" * (LONGEST_TEXT + 1)}, "o.system_prompt"),
        ({"template": "{input}" + "x" * LONGEST_TEXT}, "o.template"),
        ({"template": "no place"}, "o.template"),
        ({"sampling": {"temperature": -0.1}}, "o.sampling.temperature"),
        ({"sampling": {"temperature": math.nan}}, "o.sampling.temperature"),
        ({"sampling": {"top_p": 0.0}}, "o.sampling.top_p"),
        ({"sampling": {"top_p": 1.1}}, "o.sampling.top_p"),
        ({"sampling": {"max_tokens": 0}}, "o.sampling.max_tokens"),
        ({"threshold": -0.1}, "o.threshold"),
        ({"threshold": 1.1}, "o.threshold"),
        ({"threshold": math.nan}, "o.threshold"),
    ],
)
def test_what_no_model_could_do_is_told(given: dict[str, Any], field: str) -> None:
    problems = Problems()
    check_overrides(Overrides(**given), "o", problems)
    assert [one.field for one in problems.found] == [field]


@pytest.mark.parametrize(
    "given",
    [
        {"system_prompt": "x" * LONGEST_TEXT},
        {"template": "{input}" + "x" * (LONGEST_TEXT - 7)},
        {"sampling": {"temperature": 0.0, "top_p": 1.0, "max_tokens": 1}},
        {"threshold": 0.0},
        {"threshold": 1.0},
    ],
)
def test_limits_belong_to_what_is_allowed(given: dict[str, Any]) -> None:
    problems = Problems()
    check_overrides(Overrides(**given), "o", problems)
    assert not problems


@pytest.mark.parametrize(
    ("model", "given", "field"),
    [
        ("cancer-logistic", Overrides(system_prompt="Be brief."), "overrides.system_prompt"),
        ("cancer-logistic", Overrides(sampling={"seed": 1}), "overrides.sampling"),
        ("digits-svm", Overrides(threshold=0.5), "overrides.threshold"),
    ],
)
def test_what_a_model_has_not_is_refused(model: str, given: Overrides, field: str) -> None:
    wire = compile_model(registration(model, "127.0.0.1:1")).wire
    with pytest.raises(InvalidModel) as caught:
        wire.with_overrides(given)
    assert caught.value.fields[0].field == field


async def test_a_chat_model_hears_what_the_overrides_say() -> None:
    async with chat_server() as server, open_pool() as pool:
        handle = pool.open(writer(server))
        terse = handle.with_overrides(Overrides(system_prompt="Be brief.", template="Q: {input}"))
        assert terse.endpoints is handle.endpoints
        assert handle.with_overrides(Overrides()) is handle
        await ask(terse, Input(text="why"))
        await ask(handle, Input(text="why"))
    first, second = (body["messages"] for body in server.bodies)
    assert first == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Q: why"}]
    assert second == [{"role": "user", "content": "why"}]
