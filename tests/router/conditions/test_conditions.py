"""What conditions answer for a request, and when they cannot."""

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from turnout.inference.v1.input_pb2 import ChatInput, ChatMessage, ImageInput, Input, TabularInput

from services.router.conditions import Columns, Condition, Given, Kind, RuleError, Schema, compile_condition
from services.router.conditions.requests import RequestView
from services.router.conditions.view import LONGEST_TEXT

CHURN = Schema(
    {"amount": Kind.NUMBER, "contract_type": Kind.TEXT, "mean radius": Kind.NUMBER, "smoker": Kind.NUMBER},
    {"image_type": Kind.TEXT, "vip": Kind.BOOL, "limit": Kind.NUMBER},
    {"x-tier"},
)
BARE = Schema()


def seen(asked: Input, schema: Schema = CHURN, **attributes: str) -> RequestView:
    return RequestView(schema, asked, attributes, "user-7", 1_700_000_000.0, boolean={"smoker"})


def holds(text: str, given: RequestView | Given, schema: Schema = CHURN) -> bool:
    return compile_condition(text, schema).holds(given)


def fails(text: str, given: RequestView | Given, schema: Schema = CHURN) -> str:
    with pytest.raises(RuleError) as caught:
        compile_condition(text, schema).holds(given)
    return str(caught.value)


def row(**values: object) -> Input:
    return Input(row=json_format.ParseDict(values, Struct()))


def tabular(numeric: dict[str, float], **categorical: str) -> Input:
    return Input(tabular=TabularInput(numeric_features=numeric, categorical_features=categorical))


@pytest.mark.parametrize(
    "asked",
    [
        row(amount=1200.5, contract_type="enterprise", **{"mean radius": 3}),
        tabular({"amount": 1200.5, "mean radius": 3}, contract_type="enterprise"),
    ],
    ids=["row", "tabular"],
)
def test_features_are_seen_in_a_row_and_in_a_tabular_input(asked: Input) -> None:
    given = seen(asked)
    assert holds("contract_type == 'enterprise' && amount > 1000.0", given)
    assert holds("features['mean radius'] <= 3 && features.amount == 1200.5", given)
    assert holds("has(features.amount) && !('smoker' in features)", given)
    assert not holds("amount < 1000", given)


def test_the_kind_of_input_is_seen() -> None:
    assert holds("input.kind == 'image'", seen(Input(image=ImageInput(uri="s3://a"))))
    assert holds("input.kind in ['text', 'chat']", seen(Input(text="a")))


def test_an_attribute_is_seen_by_its_bare_name_once_it_is_declared() -> None:
    image = Input(image=ImageInput(uri="s3://a"))
    given = seen(image, image_type="medical", vip="true", limit="12.5", other="x")
    assert holds("image_type == 'medical' && vip && limit < 13", given)
    assert holds("attributes['other'] == 'x' && attributes.image_type == 'medical'", given)


def test_where_no_model_says_what_it_reads_a_bare_name_is_a_feature_or_an_attribute() -> None:
    given = seen(row(contract_type="enterprise", amount=3), BARE, tier="gold", contract_type="consumer")
    assert holds("contract_type == 'enterprise' && tier == 'gold' && amount == 3", given, BARE)
    assert "compared with text" in fails("tier > 3", given, BARE)
    assert "absent" in fails("nobody == 'a'", given, BARE)


@pytest.mark.parametrize("value", ["lots", "nan", "inf", ""])
def test_a_declared_attribute_that_is_no_number_is_an_error(value: str) -> None:
    assert "limit is absent, or of another kind" in fails("limit > 1", seen(Input(text="a"), limit=value))


def test_a_bool_attribute_is_true_or_false_and_nothing_else() -> None:
    assert holds("!vip", seen(Input(text="a"), vip="False"))
    assert "vip" in fails("vip", seen(Input(text="a"), vip="yes"))


@pytest.mark.parametrize(
    "asked",
    [
        row(contract_type="enterprise"),
        row(amount=None),
        row(amount="a lot"),
        row(amount=[1]),
        tabular({"amount": float("nan")}),
        Input(tabular=TabularInput(missing=["amount"])),
        Input(text="amount"),
    ],
    ids=["absent", "null", "text", "list", "nan", "missing", "other kind"],
)
def test_a_feature_that_is_not_there_is_an_error_not_a_no(asked: Input) -> None:
    assert "amount is absent" in fails("amount > 1000", seen(asked))
    assert "amount is absent" in fails("!(amount > 1000)", seen(asked))
    assert "amount is absent" in fails("amount > 1000 || amount <= 1000", seen(asked))


def test_an_error_does_not_matter_where_the_rest_decides() -> None:
    given = seen(row(contract_type="enterprise"))
    assert holds("amount > 1000 || contract_type == 'enterprise'", given)
    assert not holds("amount > 1000 && contract_type == 'consumer'", given)
    assert holds("has(features.amount) ? amount > 1000 : contract_type == 'enterprise'", given)


def test_a_nan_beside_good_numbers_takes_only_itself_away() -> None:
    given = seen(tabular({"amount": float("nan"), "mean radius": float("inf")}))
    assert holds("features['mean radius'] > 1", given)
    fails("amount == amount", given)


def test_true_and_false_of_a_row_are_numbers_or_texts_as_the_model_reads_them() -> None:
    assert holds("smoker == 1 && contract_type == 'true'", seen(row(smoker=True, contract_type=True)))


def test_texts_and_chats_can_be_looked_at() -> None:
    chat = ChatInput(
        messages=[ChatMessage(content="Hello"), ChatMessage(content="Write PYTHON code, please")]
    )
    assert holds("words(input.text) == 4 && lower(input.text).contains('python')", seen(Input(chat=chat)))
    assert holds("size(input.text) == 3", seen(Input(text="abc")))
    assert "has no text" in fails("words(input.text) > 1", seen(row(amount=1)))
    assert "has no text" in fails("words(input.text) > 1", seen(Input(chat=ChatInput())))


def test_a_text_is_seen_up_to_its_limit_and_a_feature_that_is_longer_is_not() -> None:
    assert holds(f"size(input.text) == {LONGEST_TEXT}", seen(Input(text="a" * (LONGEST_TEXT + 1))))
    assert holds("contract_type != ''", seen(row(contract_type="a" * LONGEST_TEXT)))
    assert "absent" in fails("contract_type != ''", seen(row(contract_type="a" * (LONGEST_TEXT + 1))))


def test_texts_do_not_grow_without_end() -> None:
    given = seen(row(contract_type="a" * LONGEST_TEXT))
    assert "grows beyond" in fails("contract_type + contract_type != ''", given)


def test_only_allowed_headers_are_seen() -> None:
    schema = Schema(headers={"x-tier"})
    given = RequestView(
        schema, Input(text="a"), {}, "", 0.0, headers={"x-tier": "gold", "authorization": "s"}
    )
    assert holds("headers['x-tier'] == 'gold'", given, schema)
    assert given.headers == {"x-tier": "gold"}
    assert "x-tier is absent" in fails("headers['x-tier'] == 'gold'", seen(Input(text="a")))


def test_the_entity_and_the_clock_are_seen() -> None:
    given = seen(Input(text="a"))
    assert holds("entity_id.startsWith('user-') && now.getHours() == 22 && now.getDayOfWeek() == 2", given)
    assert holds("now > timestamp('2023-01-01T00:00:00Z') && now.getFullYear() == 2023", given)


def test_metrics_and_drift_are_seen_and_silence_is_an_error() -> None:
    given = Given(
        metrics={"models/a": {"accuracy": 0.85, "labels": 1200.0, "f1": float("nan")}}.get,
        drift={"models/a": "alert"}.get,
    )
    assert holds("metrics('models/a').accuracy < 0.9 && metrics('a').labels >= 1000", given)
    assert holds("drift('a') == 'alert' && has(metrics('a').accuracy) && !has(metrics('b').accuracy)", given)
    assert "cost of models/a is not measured" in fails("metrics('a').cost < 1", given)
    assert "f1 of models/a is not measured" in fails("metrics('a').f1 < 1", given)
    assert "accuracy of models/b is not measured" in fails("metrics('b').accuracy < 0.9", given)
    assert "drift of models/b is not known" in fails("drift('b') != 'alert'", given)


def test_a_catastrophic_expression_is_linear() -> None:
    """Python's engine would not answer this in the age of the universe."""
    given = seen(row(contract_type="a" * (LONGEST_TEXT - 1) + "!"))
    assert not holds("contract_type.matches('(a+)+$')", given)
    assert holds("contract_type.matches('^a+!$')", given)


def test_letters_beyond_ascii_match() -> None:
    assert holds("contract_type.matches('^é.ü$')", seen(row(contract_type="éöü")))


def test_what_only_cel_knows_sees_the_same_names() -> None:
    given = seen(row(contract_type="enterprise", amount=12))
    condition = compile_condition(
        "contract_type.matches('^ent') && int(amount) + size(contract_type) == 22", CHURN
    )
    assert isinstance(condition, Condition)
    assert condition.holds(given)
    assert "CEL" in fails("int(amount) == 1 && contract_type == 'x' || int(contract_type) == 1", given)
    assert holds("int(amount) == 12 || int(contract_type) == 1", given)


def test_an_absent_name_within_what_only_cel_knows_is_an_error() -> None:
    assert "CEL" in fails("int(amount) == 12", seen(row(contract_type="a")))
    assert holds("int(amount) == 12 || true", Given(numeric=Columns()))
