"""Whether the models of a router agree: each way in which they may not is a sentence."""

from collections.abc import Mapping
from typing import Any

from turnout.router.v1.model_pb2 import (
    FEATURE_KIND_CATEGORICAL,
    FEATURE_KIND_NUMERIC,
    OUTPUT_KIND_CLASSIFICATION,
    OUTPUT_KIND_REGRESSION,
    PROTOCOL_OPENAI_CHAT,
    PROTOCOL_OPENAI_EMBEDDINGS,
    Model,
)
from turnout.router.v1.router_pb2 import Router

from services.router.config.agreement import disagreements

ROUTER = Router(name="routers/r", variants=[{"model": "models/a"}, {"model": "models/b"}])


def told(first: Mapping[str, object], second: Mapping[str, object], router: Router = ROUTER) -> list[str]:
    models = {
        "models/a": Model(name="models/a", **first),  # type: ignore[arg-type]
        "models/b": Model(name="models/b", **second),  # type: ignore[arg-type]
    }
    return disagreements(router, models)


def signed(**signature: object) -> dict[str, object]:
    return {"signature": signature}


def answering(*labels: str, **more: object) -> dict[str, object]:
    return {**signed(outputs={"class_order": list(labels)}), **more}


def test_who_says_nothing_disagrees_with_nobody() -> None:
    assert told({}, answering("yes", "no")) == []
    assert disagreements(ROUTER, {}) == []


def test_one_feature_is_of_one_kind() -> None:
    number = signed(features=[{"name": "x", "kind": FEATURE_KIND_NUMERIC}])
    word = signed(features=[{"name": "x", "kind": FEATURE_KIND_CATEGORICAL}])
    assert told(number, number) == []
    assert told(number, word) == ["'x' is categorical to models/b and numeric to models/a"]


def test_a_chat_is_no_row() -> None:
    chat = {"protocol": PROTOCOL_OPENAI_CHAT}
    columns = signed(features=[{"name": "x", "kind": FEATURE_KIND_NUMERIC}])
    assert told(chat, columns) == ["models/a takes a chat, and models/b takes columns: no input fits both"]


def test_an_embedding_is_no_chat_and_of_no_row() -> None:
    texts = {"protocol": PROTOCOL_OPENAI_EMBEDDINGS}
    columns = signed(features=[{"name": "x", "kind": FEATURE_KIND_NUMERIC}])
    assert told(texts, columns) == ["models/a takes texts, and models/b takes columns: no input fits both"]
    chat = {"protocol": PROTOCOL_OPENAI_CHAT}
    assert told(texts, chat) == ["models/a answers with embeddings, and models/b with text"]
    assert told(texts, texts) == []


def test_classes_are_no_numbers() -> None:
    classes = signed(outputs={"kind": OUTPUT_KIND_CLASSIFICATION})
    numbers = signed(outputs={"kind": OUTPUT_KIND_REGRESSION})
    assert told(classes, numbers) == ["models/a answers classification, and models/b answers regression"]


def test_labels_are_compared_as_the_router_sees_them() -> None:
    assert told(answering("1", "0", label_map={"1": "yes", "0": "no"}), answering("no", "yes")) == []
    assert told(answering("1", "0"), answering("no", "yes")) == [
        "models/b answers no, yes, and models/a 0, 1"
    ]


def test_the_task_has_the_first_word() -> None:
    router = Router(name="routers/r", variants=ROUTER.variants, task={"labels": ["yes", "no"]})
    assert told(answering("yes", "no"), answering("ja", "nein"), router) == [
        "models/b answers ja, nein, and routers/r no, yes"
    ]


def test_an_alias_speaks_for_its_model() -> None:
    variants = [{"model": "models/x@y", "resolved_model": "models/a"}, {"model": "models/b"}]
    router = Router(name="routers/r", variants=variants)
    assert len(told(answering("1"), answering("2"), router)) == 1


def graph(template: str, **more: Any) -> Router:
    """Somebody looks at a record, and somebody else says what it means."""
    router = Router(
        name="routers/r", variants=[{"id": one, "model": f"models/{one}"} for one in "ab"], **more
    )
    router.ensemble.specialists.steps.add(name="look", variant="a")
    router.ensemble.specialists.steps.add(name="say", variant="b", template=template)
    return router


def test_a_step_with_a_template_takes_any_request_and_answers_as_it_likes() -> None:
    stump = answering("yes", "no")
    stump["signature"] |= {  # type: ignore[operator]
        "features": [{"name": "x", "kind": FEATURE_KIND_NUMERIC}],
    }
    chat = {"protocol": PROTOCOL_OPENAI_CHAT, **signed(outputs={"class_order": ["ill", "well"]})}
    both = "models/b takes a chat, and models/a takes columns: no input fits both"
    assert told(stump, chat, graph("What of {look.label}?")) == []
    assert told(stump, chat, graph("")) == [both]
    assert both in told(stump, chat, graph("What of {look}?", fallback={"variants": ["b"]}))
