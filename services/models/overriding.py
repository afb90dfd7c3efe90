"""What a router lets a variant do otherwise than its model's registration says."""

from turnout.inference.v1.input_pb2 import ChatInput, Input, Sampling
from turnout.router.v1.overrides_pb2 import Overrides

from services.models.chat_request import sampling_settings
from services.models.errors import InvalidModel
from services.models.problems import Problems

# What stands for the message in a template. Replaced as it is, so that braces of JSON need no escaping.
PLACE = "{input}"
LONGEST_TEXT = 32_768
SYSTEM = ("system", "developer")


def check_overrides(given: Overrides, path: str, problems: Problems) -> None:
    """What no model could do; `path` is the field as the caller spells it."""
    for field in ("system_prompt", "template"):
        if (length := len(getattr(given, field))) > LONGEST_TEXT:
            problems.add(f"{path}.{field}", f"at most {LONGEST_TEXT} characters, got {length}")
    if given.template and PLACE not in given.template:
        problems.add(f"{path}.template", f"{PLACE} expected in it, where the message goes")
    sampling_settings(given.sampling, f"{path}.sampling", problems)
    if given.HasField("threshold") and not 0 <= given.threshold <= 1:
        problems.add(f"{path}.threshold", f"a probability from 0 to 1 expected, got {given.threshold}")


def refuse_others(given: Overrides, allowed: tuple[str, ...], why: str, model: str) -> None:
    """Raise InvalidModel for what a model of this kind has not, and for what none could do."""
    problems = Problems()
    check_overrides(given, "overrides", problems)
    for field, _ in given.ListFields():
        if field.name not in allowed:
            problems.add(f"overrides.{field.name}", why)
    problems.settle(InvalidModel, f"{model} cannot be overridden", model)


def overridden(given: Input, how: Overrides) -> Input:
    """A copy of a text, chat or image as the overrides want it asked; other kinds of input as they are.

    The system prompt takes the place of the one that the conversation begins with; the template is put around
    the last message of the user; sampling parameters that are set go before the request's.
    """
    kind = given.WhichOneof("kind")
    chat = ChatInput()
    match kind:
        case "text":
            chat.messages.add(role="user", content=given.text)
        case "image":
            chat.messages.add(role="user", images=[given.image])
        case "chat":
            chat.CopyFrom(given.chat)
        case _:
            return given
    if how.system_prompt:
        _begin(chat, how.system_prompt)
    if how.template:
        _wrap(chat, how.template)
    _sample(chat.sampling, how.sampling)
    return Input(chat=chat)


def _begin(chat: ChatInput, prompt: str) -> None:
    messages = list(chat.messages)
    if messages and messages[0].role in SYSTEM:
        del messages[0]
    del chat.messages[:]
    chat.messages.add(role="system", content=prompt)
    chat.messages.extend(messages)


def _wrap(chat: ChatInput, template: str) -> None:
    for message in reversed(chat.messages):
        if message.role == "user":
            message.content = template.replace(PLACE, message.content)
            return


def _sample(own: Sampling, theirs: Sampling) -> None:
    if theirs.stop:
        del own.stop[:]
    own.MergeFrom(theirs)
