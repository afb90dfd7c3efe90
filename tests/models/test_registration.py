"""A registration is refused whole, with a path for each thing that is wrong, and nothing is opened by it."""

import math
from collections.abc import Callable

import pytest
from turnout.router.v1 import model_pb2 as wire

from services.models.errors import InvalidModel
from services.models.registration import compile_model
from tests.models.example import churn, told


def chat() -> wire.Model:
    model = wire.Model(
        name="models/writer",
        protocol=wire.PROTOCOL_OPENAI_CHAT,
        endpoints=[wire.Endpoint(address="http://127.0.0.1:9/v1")],
        secret_ref="env:WRITER_KEY",
    )
    model.timeout.FromSeconds(20)
    return model


def embedder() -> wire.Model:
    model = chat()
    model.protocol = wire.PROTOCOL_OPENAI_EMBEDDINGS
    return model


def test_a_sound_registration_compiles() -> None:
    registration = compile_model(churn())
    assert registration.timeout == 0.5
    assert compile_model(chat()).timeout == 20
    assert compile_model(embedder()).timeout == 20


def test_later_changes_of_the_message_do_not_reach_a_compiled_model() -> None:
    model = churn()
    registration = compile_model(model)
    model.name = "models/other"
    assert registration.model.name == "models/churn"


def no_endpoints(model: wire.Model) -> None:
    model.endpoints.clear()


def second_endpoint(model: wire.Model) -> None:
    model.endpoints.add(address="http://x:1" if model.protocol == wire.PROTOCOL_OIP_GRPC else "x:1")


def all_weights_zero(model: wire.Model) -> None:
    model.endpoints[0].weight = 0


def negative_weight(model: wire.Model) -> None:
    model.endpoints[0].weight = -1


def no_timeout(model: wire.Model) -> None:
    model.ClearField("timeout")


def nonsense_timeout(model: wire.Model) -> None:
    model.timeout.FromSeconds(-1)


def milliseconds_as_seconds(model: wire.Model) -> None:
    model.timeout.FromSeconds(30_000)


def negative_concurrency(model: wire.Model) -> None:
    model.max_concurrency = -1


def nan_cost(model: wire.Model) -> None:
    model.cost.per_call = math.nan


def negative_cost(model: wire.Model) -> None:
    model.cost.output_per_1k_tokens = -1


def literal_secret(model: wire.Model) -> None:
    model.secret_ref = "sk-secret"  # noqa: S105


def secret_of_the_suite(model: wire.Model) -> None:
    model.secret_ref = "env:turnout_ROUTER_ACCESS_SERVICE_TOKEN"  # noqa: S105


def pointer_without_source(model: wire.Model) -> None:
    model.confidence_pointer = "/sure"


def own_probability(model: wire.Model) -> None:
    wrong = {
        wire.PROTOCOL_OIP_GRPC: wire.CONFIDENCE_SOURCE_SELF_CONSISTENCY,
        wire.PROTOCOL_OPENAI_CHAT: wire.CONFIDENCE_SOURCE_MAX_PROBABILITY,
        wire.PROTOCOL_OPENAI_EMBEDDINGS: wire.CONFIDENCE_SOURCE_LOGPROB,
    }
    model.confidence_from = wrong[model.protocol]


SPOKEN = "PROTOCOL_OIP_GRPC or PROTOCOL_OPENAI_CHAT or PROTOCOL_OPENAI_EMBEDDINGS"
ANY = [
    (no_endpoints, "model.endpoints", "at least one expected"),
    (second_endpoint, "model.endpoints[1].address", "expected, got"),
    (all_weights_zero, "model.endpoints", "at least one with a weight above 0"),
    (negative_weight, "model.endpoints[0].weight", "a number from 0 expected, got -1"),
    (no_timeout, "model.timeout", "required"),
    (nonsense_timeout, "model.timeout", "above 0 s and at most 3600 s expected, got -1 s"),
    (milliseconds_as_seconds, "model.timeout", "at most 3600 s expected, got 30000 s"),
    (negative_concurrency, "model.max_concurrency", "a number from 0"),
    (nan_cost, "model.cost.per_call", "an amount from 0 expected, got nan"),
    (negative_cost, "model.cost.output_per_1k_tokens", "an amount from 0 expected, got -1"),
    (literal_secret, "model.secret_ref", "env:NAME expected"),
    (secret_of_the_suite, "model.secret_ref", "not one of TURNOUT_*"),
    (pointer_without_source, "model.confidence_pointer", "CONFIDENCE_SOURCE_JSON_POINTER"),
    (own_probability, "model.confidence_from", "confidence"),
]


@pytest.mark.parametrize("kind", [churn, chat, embedder])
@pytest.mark.parametrize(("spoil", "field", "says"), ANY, ids=[case[0].__name__ for case in ANY])
def test_refuses_what_cannot_work(
    kind: Callable[[], wire.Model], spoil: Callable[[wire.Model], None], field: str, says: str
) -> None:
    model = kind()
    spoil(model)
    with pytest.raises(InvalidModel) as caught:
        compile_model(model)
    assert any(says in said for where, said in caught.value.fields if where == field)
    assert caught.value.facts["model"] == model.name
    assert "sk-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        (wire.PROTOCOL_UNSPECIFIED, f"{SPOKEN} expected"),
        (77, f"{SPOKEN} expected, got 77"),
    ],
)
def test_refuses_protocols_that_it_does_not_speak(protocol: wire.Protocol, says: str) -> None:
    model = churn()
    model.protocol = protocol
    with pytest.raises(InvalidModel) as caught:
        compile_model(model)
    assert told(caught.value)["model.protocol"].startswith(says)


@pytest.mark.parametrize("address", ["x", "x:y", "http://x:1", "grpc://x", "x:1/path", "", "a b:1"])
def test_refuses_addresses_that_are_none(address: str) -> None:
    model = churn()
    model.endpoints[0].address = address
    with pytest.raises(InvalidModel) as caught:
        compile_model(model)
    assert "model.endpoints[0].address" in told(caught.value)


@pytest.mark.parametrize("address", ["x:1", "grpc://host.name:50051", "[::1]:8001", "grpc://x:1/"])
def test_takes_addresses_with_and_without_a_scheme(address: str) -> None:
    model = churn()
    model.endpoints[0].address = address
    compile_model(model)


def test_oip_models_get_no_secrets_and_chat_models_no_columns() -> None:
    model = churn()
    model.secret_ref = "env:KEY"  # noqa: S105
    with pytest.raises(InvalidModel) as caught:
        compile_model(model)
    assert "model.secret_ref" in told(caught.value)
    writer = chat()
    writer.signature.CopyFrom(churn().signature)
    writer.signature.outputs.kind = wire.OUTPUT_KIND_CLASSIFICATION
    writer.threshold = 0.5
    with pytest.raises(InvalidModel) as caught:
        compile_model(writer)
    assert set(told(caught.value)) == {
        "model.signature.features",
        "model.signature.outputs.kind",
        "model.threshold",
    }


def test_embedding_models_have_no_columns_tensors_or_thresholds() -> None:
    model = embedder()
    model.signature.CopyFrom(churn().signature)
    model.threshold = 0.5
    model.signature.outputs.kind = wire.OUTPUT_KIND_TEXT
    with pytest.raises(InvalidModel) as caught:
        compile_model(model)
    assert set(told(caught.value)) == {
        "model.signature.features",
        "model.signature.outputs.kind",
        "model.signature.outputs.label",
        "model.signature.outputs.probabilities",
        "model.threshold",
    }


def test_a_chat_model_may_have_its_confidence_from_samples() -> None:
    model = chat()
    model.confidence_from = wire.CONFIDENCE_SOURCE_SELF_CONSISTENCY
    compile_model(model)


def test_unknown_cost_is_absent_and_never_zero() -> None:
    model = chat()
    assert compile_model(model).price.of(10, 10) is None
    model.cost.input_per_1k_tokens = 2.0
    assert compile_model(model).price.of(None, 500) is None
    model.cost.output_per_1k_tokens = 4.0
    model.cost.per_call = 0.5
    model.cost.currency = "EUR"
    price = compile_model(model).price
    assert price.of(1_000, 500) == 0.5 + 2.0 + 2.0
    # Of a price that has several parts one alone is not what a call costs.
    assert price.of(None, None) is price.of(1_000, None) is price.of(None, 500) is None
    model.cost.input_per_1k_tokens = model.cost.output_per_1k_tokens = 0
    assert compile_model(model).price.of(None, None) == 0.5
    assert price.currency == "EUR"
