"""The report as a page: complete, self-contained, and safe whatever people call their features."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
from turnout.drift.v1 import result_pb2 as drift
from turnout.drift.v1.result_pb2 import DriftBin, DriftResult, FeatureDrift
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, FEATURE_KIND_NUMERIC

from services.cli.drift.report import MOST_PICTURES, MOST_ROWS, Report, render
from tests.cli.drift import samples
from tests.cli.drift.reading import Page

NOW = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)
ATTACKS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></svg><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "$style ${script} $title",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "\x00\x1b[31mred\u202egnp.exe",
    "<!--",
    "]]>",
]


def page(result: DriftResult, before: list[DriftResult] | None = None) -> str:
    return render(Report(result, NOW, before or []))


def test_a_feature_that_goes_missing_is_told_by_that_and_not_by_its_shift() -> None:
    result = samples.telling(0.0)
    age = next(one for one in result.features if one.feature == "age")
    age.status, age.missingness_changed = drift.DRIFT_STATUS_ALERT, True
    age.missing_share, age.baseline_missing_share = 0.98, 0.02
    assert "It goes missing: in 98 % of the rows, 2 % in the baseline." in Page(page(result)).text
    age.missing_share, age.baseline_missing_share = 0.02, 0.98
    assert "It is missing more seldom: in 2 % of the rows, 98 % in the baseline." in Page(page(result)).text


def test_a_rare_feature_that_moved_is_told_by_its_range() -> None:
    result = samples.telling(0.0)
    age = next(one for one in result.features if one.feature == "age")
    age.status, age.out_of_range_changed = drift.DRIFT_STATUS_ALERT, True
    age.ClearField("adjusted_p_value")
    assert "lie outside the baseline's range than chance puts there." in Page(page(result)).text


def test_a_feature_whose_values_lie_elsewhere_is_told_by_its_range() -> None:
    result = samples.telling(0.0)
    age = next(one for one in result.features if one.feature == "age")
    age.status, age.out_of_range_changed, age.out_of_range_share = drift.DRIFT_STATUS_WARNING, True, 0.12
    told = "12 % of its values lie outside the baseline's range"
    assert told in Page(page(result)).text
    # What goes missing more is told by that.
    age.missingness_changed, age.missing_share, age.baseline_missing_share = True, 0.9, 0.1
    assert told not in Page(page(result)).text


def test_a_distance_that_may_be_any_larger_is_told_as_such() -> None:
    result = samples.telling(0.0)
    assert " ± " in Page(page(result)).text
    for one in result.features:
        one.ClearField("wasserstein_margin")
    said = Page(page(result)).text
    assert " ± " not in said
    assert " or more" in said
    assert "what lies out of range counts as at its end" in said


def test_a_full_report_is_well_formed_and_has_every_feature() -> None:
    result = samples.telling()
    read = Page(page(result, samples.past()))
    named = [text.strip() for text in read.text_of("bdi")]
    for one in result.features:
        # Once in the table, once where it is shown in full.
        assert named.count(one.feature) >= 2
    assert len(read.all("details", "feature")) == len(result.features)
    assert result.summary in read.text
    assert result.model in read.text
    assert "last_login_days: missing in 100.0% of rows" in read.text
    assert "trial" in read.text


def test_nothing_in_it_leads_out_of_it() -> None:
    text = page(samples.telling(), samples.past())
    read = Page(text)
    for one in read.elements:
        assert not {"src", "srcset", "data", "action", "formaction", "style"} & set(one.attributes)
        assert one.attributes.get("href", "#").startswith("#")
        assert not [name for name in one.attributes if name.startswith("on")]
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", text)
    assert not read.all("link")
    assert not read.all("iframe")


def test_every_link_leads_to_a_place_of_the_page_and_no_place_is_there_twice() -> None:
    read = Page(page(samples.telling(), samples.past()))
    places = [one.attributes["id"] for one in read.elements if "id" in one.attributes]
    assert len(set(places)) == len(places)
    links = [one.attributes["href"] for one in read.all("a")]
    assert len(links) == len(samples.telling().features)
    assert {link.removeprefix("#") for link in links} <= set(places)


def test_the_browser_is_told_to_run_this_script_and_no_other() -> None:
    text = page(samples.telling())
    policy = next(
        one.attributes["content"]
        for one in Page(text).all("meta")
        if one.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    for tag in ("script", "style"):
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(inside) == 1
        digest = base64.b64encode(hashlib.sha256(inside[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_of_others_are_text_wherever_they_stand(attack: str) -> None:
    plain = samples.result([samples.number("a", 1.0), samples.category("b", {"c": 1.0}, {"d": 1.0})])
    result = samples.result(
        [samples.number(attack, 1.0), samples.category(attack + "2", {attack: 1.0}, {attack + "d": 1.0})],
        summary=attack,
    )
    for field in ("model", "baseline", "reference", "caveat", "reference_model"):
        setattr(result, field, attack)
    result.name = f"models/a/results/{attack}"
    result.warnings.append(attack)
    result.segment.name, result.segment.value = attack, attack
    result.concept.signals.add(detector=attack, metric=attack, alarms=1)
    plain.warnings.append("w")
    plain.segment.name, plain.segment.value, plain.caveat = "n", "v", "c"
    plain.concept.signals.add(detector="d", metric="m", alarms=1)
    earlier = samples.result([samples.number(attack, 0.5)], samples.END - timedelta(hours=1), summary=attack)
    before = samples.result([samples.number("a", 0.5)], samples.END - timedelta(hours=1))
    for one, other in ((earlier, result), (before, plain)):
        one.segment.CopyFrom(other.segment)
        one.reference_model = other.reference_model
        one.baseline = "x"
    got, expected = Page(page(result, [earlier])), Page(page(plain, [before]))
    assert [one.tag for one in got.elements] == [one.tag for one in expected.elements]
    assert [sorted(one.attributes) for one in got.elements] == [
        sorted(one.attributes) for one in expected.elements
    ]
    assert not {"\x00", "\x1b", "\u202e"} & set(page(result, [earlier]))


def test_a_result_without_rows_says_that_it_cannot_say() -> None:
    empty = [
        FeatureDrift(feature=name, kind=kind, status=drift.DRIFT_STATUS_INSUFFICIENT_DATA)
        for name, kind in (("a", FEATURE_KIND_NUMERIC), ("b", FEATURE_KIND_CATEGORICAL))
    ]
    result = DriftResult(
        model="models/m", status=drift.DRIFT_STATUS_INSUFFICIENT_DATA, features=empty, summary="Too few rows."
    )
    read = Page(page(result))
    assert "too few rows" in read.text
    assert "Too few rows had it to say anything." in read.text
    assert "Over time" not in read.text


def test_a_result_without_features_is_a_page_too() -> None:
    assert "models/m" in Page(page(DriftResult(model="models/m"))).text


def test_ten_thousand_features_make_a_page_that_a_browser_opens_and_that_says_what_it_lacks() -> None:
    result = samples.result([samples.number(f"f{index}", 0.0) for index in range(MOST_ROWS + 20)])
    text = page(result)
    read = Page(text)
    assert len(read.all("details", "feature")) == MOST_PICTURES
    assert len([one for one in read.all("tr") if "data-status" in one.attributes]) == MOST_ROWS
    assert f"the first {MOST_ROWS:,} in the table" in read.text
    assert len(text) < 12_000_000


def test_shares_and_statistics_that_are_no_numbers_draw_nothing_wild() -> None:
    one = samples.number("odd", 0.5)
    one.psi = one.ks = one.wasserstein = float("inf")
    one.bins[0].baseline_share, one.bins[1].current_share = float("nan"), float("inf")
    result = samples.result([one])
    result.overall_score = float("nan")
    text = page(result, samples.past(3))
    for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        assert not re.search(
            r'"[^"<>]*\b(nan|inf)\b[^"<>]*"', re.sub(r"<title>.*?</title>|aria-label=\"[^\"]*\"", "", svg)
        )
    Page(text)


def test_heights_of_bars_are_the_shares() -> None:
    one = FeatureDrift(feature="n", kind=FEATURE_KIND_NUMERIC, rows=10, baseline_rows=10)
    one.bins.extend(
        [
            DriftBin(label="(-inf, 1]", upper=1.0, baseline_share=0.5, current_share=0.25),
            DriftBin(label="(1, inf]", lower=1.0, baseline_share=0.5, current_share=0.75),
        ]
    )
    bars = Page(page(samples.result([one]))).all("rect")
    drawn = [(bar.attributes["class"], float(bar.attributes["height"])) for bar in bars]
    base = [height for kind, height in drawn if kind == "base"]
    now = [height for kind, height in drawn if kind == "now"]
    assert base[0] == base[1]
    assert now[1] / now[0] == pytest.approx(3, rel=0.02)
    assert now[0] / base[0] == pytest.approx(0.5, rel=0.02)


def test_trends_leave_out_what_cannot_be_compared() -> None:
    result = samples.telling()
    other = samples.telling(0.1, samples.END - timedelta(hours=1))
    other.segment.name, other.segment.value = "region", "north"
    later = samples.telling(0.1, samples.END + timedelta(hours=1))
    assert "Over time" not in Page(page(result, [other, later])).text
    mine = samples.telling(0.1, samples.END - timedelta(hours=1))
    mine.baseline = "models/churn-xgb-v2/baselines/winter"
    told = Page(page(result, [other, later, mine])).text
    assert "of 2 analyses" in told
    assert "baseline spring" in told


def test_without_a_script_everything_is_there() -> None:
    read = Page(page(samples.telling(), samples.past()))
    hidden = [one for one in read.elements if "hidden" in one.attributes]
    # Only the tools, which need it.
    assert [(one.tag, one.attributes["class"]) for one in hidden] == [("p", "tools")]
    assert all("open" not in one.attributes or one.tag == "details" for one in read.elements)


def test_pictures_have_words_for_those_who_do_not_see_them() -> None:
    read = Page(page(samples.telling(), samples.past()))
    for picture in read.all("svg"):
        told = picture.attributes
        assert told.get("aria-hidden") == "true" or (told["role"] == "img" and told["aria-label"])
    assert read.all("html")[0].attributes["lang"] == "en"
    for heading in read.all("th"):
        assert heading.attributes["scope"] in ("col", "row")


def test_what_labels_say_is_drawn_with_intervals_and_told_in_numbers() -> None:
    text = render(Report(samples.telling(), NOW, (), samples.history()))
    read = Page(text)
    assert len([one for one in read.all("line") if one.attributes["class"] == "whisker"]) == 14
    assert "accuracy" in read.text
    assert "2026-11-08 09:00" in read.text
    assert "log-loss" in read.text
    # Nobody predicted numbers: no column for their errors.
    assert "RMSE" not in read.text
    alone = DriftResult(model="models/m")
    assert "this is what the labels say" in Page(render(Report(alone, NOW, (), samples.history()))).text
