"""Names of the columns and classes of the two data sets, so that a registration needs no scikit-learn."""

_MEASURES = (
    "radius", "texture", "perimeter", "area", "smoothness",
    "compactness", "concavity", "concave points", "symmetry", "fractal dimension",
)  # fmt: skip

# As scikit-learn spells them: mean, standard error and worst of ten measures of a cell nucleus.
BREAST_CANCER = (
    *(f"mean {measure}" for measure in _MEASURES),
    *(f"{measure} error" for measure in _MEASURES),
    *(f"worst {measure}" for measure in _MEASURES),
)
# The second class is the positive one, as a doctor uses the word; scikit-learn numbers them the other way.
DIAGNOSES = ("benign", "malignant")

# Eight by eight grey values from 0 to 16, row by row from the top.
DIGITS = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))
TOP = tuple(name for name in DIGITS if int(name[6]) < 4)
BOTTOM = tuple(name for name in DIGITS if int(name[6]) >= 4)
RIGHT = tuple(name for name in DIGITS if int(name[8]) >= 4)
FIGURES = tuple(map(str, range(10)))

COLUMNS = {"breast-cancer": BREAST_CANCER, "digits": DIGITS}
CLASSES = {"breast-cancer": DIAGNOSES, "digits": FIGURES}
