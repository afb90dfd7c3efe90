"""What `turnout drift baseline` can be told, and the header that it makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from turnout.drift.v1 import baseline_rpc_pb2 as rpc
from turnout.router.v1.model_pb2 import FEATURE_KIND_CATEGORICAL, FEATURE_KIND_NUMERIC, FeatureKind

from services.cli.options import one_of


class FileFormat(StrEnum):
    """How a file is written."""

    AUTO = "auto"
    CSV = "csv"
    NDJSON = "ndjson"
    JSON = "json"
    PARQUET = "parquet"


FORMATS: Mapping[str, rpc.BaselineFileFormat] = {
    FileFormat.AUTO: rpc.BASELINE_FILE_FORMAT_UNSPECIFIED,
    FileFormat.CSV: rpc.BASELINE_FILE_FORMAT_CSV,
    FileFormat.NDJSON: rpc.BASELINE_FILE_FORMAT_NDJSON,
    FileFormat.JSON: rpc.BASELINE_FILE_FORMAT_JSON,
    FileFormat.PARQUET: rpc.BASELINE_FILE_FORMAT_PARQUET,
}
KINDS: Mapping[str, FeatureKind] = {
    "numeric": FEATURE_KIND_NUMERIC,
    "categorical": FEATURE_KIND_CATEGORICAL,
}
T = TypeVar("T")
Words = list[str] | None


def _option(help_: str, *names: str, metavar: str | None = None) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(*names, help=help_, metavar=metavar)
    return option


File = Annotated[Path, typer.Argument(help="CSV, NDJSON, JSON or Parquet; - for standard input.")]
Id = Annotated[str, _option("Id of the baseline; else it gets one.", "--id")]
Shape = Annotated[FileFormat, _option("How the file is written.", "--format")]
Features = Annotated[
    Words, _option("Only these columns; else the model's, or all that fit.", "--feature", "-f")
]
Rename = Annotated[Words, _option("What a column is called by the model.", "--rename", metavar="COLUMN=NAME")]
Kinds = Annotated[Words, _option("A column is numeric or categorical.", "--kind", metavar="NAME=KIND")]
Prediction = Annotated[str, _option("Column of the model's answers.", "--prediction")]
Score = Annotated[str, _option("Column of their probabilities, or values.", "--score")]
Weight = Annotated[str, _option("Column of how many rows a row is.", "--weight")]
Segments = Annotated[
    Words, _option("Column whose values each get a baseline of their own.", "--segment", "-s")
]
Importance = Annotated[Words, _option("Weight in the overall score.", "--importance", metavar="NAME=NUMBER")]
Activate = Annotated[bool, typer.Option(help="Compare the model with it from now on.")]
Counted = Annotated[
    bool,
    typer.Option("--counted", help="With --no-activate: count traffic on it beside the one in use."),
]
Description = Annotated[str, _option("Words for people.", "--description")]
Encoding = Annotated[str, _option("Of a text file; else UTF-8.", "--encoding")]
Delimiter = Annotated[str, _option("Of CSV, \\t for a tab; else as its header shows.", "--delimiter")]
Missing = Annotated[Words, _option("A word that means missing, such as ?.", "--missing")]
MaxRefused = Annotated[
    float, typer.Option("--max-refused", min=0, max=1, help="Share of rows that may be wrong.")
]
DryRun = Annotated[bool, _option("Say what would be made of it, and make nothing.", "--dry-run")]
RequestId = Annotated[str, _option("A UUID: given again, nothing is made twice.", "--request-id")]
Timeout = Annotated[float, typer.Option("--timeout", min=1, help="Seconds for all of it.")]


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of a command, as they were typed."""

    model: str
    baseline_id: str
    file_format: FileFormat
    features: Words
    rename: Words
    kinds: Words
    prediction: str
    score: str
    weight: str
    segments: Words
    importance: Words
    activate: bool
    counted: bool
    description: str
    encoding: str
    delimiter: str
    missing: Words
    max_refused: float
    dry_run: bool
    request_id: str

    def header(self, size: int) -> rpc.UploadBaselineHeader:
        """The header of a file of so many bytes, 0 where nobody knows. Raises typer.BadParameter."""
        return rpc.UploadBaselineHeader(
            model=self.model,
            baseline_id=self.baseline_id,
            format=FORMATS[self.file_format],
            column_map=_pairs("--rename", self.rename, str),
            features=self.features,
            kinds={name: _kind(name, word) for name, word in _pairs("--kind", self.kinds, str).items()},
            prediction_column=self.prediction,
            score_column=self.score,
            weight_column=self.weight,
            segments=self.segments,
            importance=_pairs("--importance", self.importance, float),
            activate=self.activate,
            counted=self.counted,
            description=self.description,
            encoding=self.encoding,
            delimiter="\t" if self.delimiter == "\\t" else self.delimiter,
            missing_words=self.missing,
            max_refused_share=self.max_refused,
            file_bytes=size,
            validate_only=self.dry_run,
            request_id=self.request_id,
        )


def _kind(name: str, word: str) -> FeatureKind:
    return one_of(KINDS, word, f"--kind {name}=") or FEATURE_KIND_NUMERIC


def _pairs(option: str, given: Sequence[str] | None, read: type[T]) -> dict[str, T]:
    """Words as NAME=VALUE, by name: a column may have signs in its name."""
    found: dict[str, T] = {}
    for text in given or ():
        name, sign, value = text.rpartition("=")
        if not (name and sign and value):
            raise typer.BadParameter(f"{option} {text!r}: write NAME=VALUE")
        try:
            found[name] = read(value)  # type: ignore[call-arg]
        except ValueError:
            raise typer.BadParameter(f"{option} {text!r}: {value!r} is no number") from None
    return found
