# Copied from train/chain/info.py by `python -m export vendor`; edit the original.
"""What detector.json holds: all that a program beside a model file must know to use it and to say where it is from.

`python -m export convert` writes it; the Space, the page, the model's card on the Hub and `predict` read it. The page's
types, ``web/info.d.ts``, are made of these.
"""

from typing import Any, Literal, NotRequired

from typing_extensions import ReadOnly, TypedDict  # Those of Python 3.11 can't be checked against a file.

ByClass = dict[str, float]  # {class: share}; a class that was not measured has none.
Interval = list[float]  # Low, high: of 95 %.


class Named(TypedDict):
    """All that there is of a network that was not trained here, and is shown as such."""

    name: str


class Band(TypedDict):
    """Where P(real) is too near the threshold to go by: low <= P(real) < high; nowhere if both are the same."""

    low: float
    high: float


class Rule(Named):
    """What makes verdicts of P(real)."""

    threshold: float  # From this P(real) on, a face is called real.
    unsure: ReadOnly[Band]
    words: dict[str, str]  # Of each verdict on one face, for people.


class Unsure(Band):
    """What the band is worth."""

    coverage: float  # Share of the images outside of it.
    accuracy: float | None  # Share of those that are judged right; None if there are none.
    measured_on: str  # Split whose images these are.


class Layer(TypedDict):
    """One layer of the network."""

    kind: str
    shape: str  # Of its output, such as "222 × 222 × 32".
    parameters: int


class Input(TypedDict):
    """What the graph does to raw pixels, and which files a reader accepts."""

    channels: Literal["RGB"]
    range: list[int]  # Of a pixel's numbers.
    size: int  # Height and width in pixels to which it resizes.
    resize: str
    scale: float  # By which it multiplies.
    formats: list[str]  # As Pillow calls them.
    max_pixels: int
    max_bytes: int


class Images(TypedDict):
    """Which images something was measured on."""

    name: str
    counts: dict[str, int]  # Of each class, or {"split/class": images}.
    sha256: str  # Of their content.


class OfClass(TypedDict):
    """How one class is judged."""

    precision: float
    recall: float
    f1: float
    support: float  # Images of it.


class AtThreshold(TypedDict):
    """Figures of the verdicts at one threshold, without "unsure"."""

    threshold: float
    accuracy: float
    accuracy_interval_95: Interval
    confusion_matrix: list[list[int]]  # Rows truth, columns verdict, in the classes' order.
    classes: dict[str, OfClass]


class OperatingPoint(TypedDict):
    """What a threshold does that accuses few real photos."""

    false_accusation: float  # Share of real photos called fake that was aimed at.
    threshold: float
    fakes_found: float
    fakes_found_interval_95: Interval
    accused: float  # Share of real photos that it did call fake.
    accused_interval_95: Interval


class Bin(TypedDict):
    """Images that were given about the same P(real)."""

    confidence: float  # Mean P(real).
    accuracy: float  # Share of them that is real.
    count: int


class Calibration(TypedDict):
    """How far P(real) can be taken at its word."""

    ece: float  # Expected calibration error.
    brier: float  # Mean squared error.
    bins: list[Bin]


class BothCalibrations(TypedDict):
    """Before Platt scaling and after it."""

    before: Calibration
    after: Calibration


class Curve(TypedDict):
    """ROC curve with fake as the positive class; lists of equal length."""

    false_accusation: list[float]
    fakes_found: list[float]


class Figures(TypedDict):
    """Of images of both classes."""

    images: dict[str, int]  # Of each class.
    roc_auc: float
    average_precision: float  # With fake as the positive class.
    equal_error_rate: float
    at_default: AtThreshold
    at_threshold: AtThreshold
    operating_points: list[OperatingPoint]
    calibration: BothCalibrations
    roc: Curve


class Split(Figures):
    """Figures of a split of the dataset."""

    dataset: Images
    chain: dict[str, int]  # How many images were judged as_is, were cut, had several faces or no_face.


class Source(TypedDict):
    """Figures of images from elsewhere, at the same threshold, each class apart."""

    dataset: Images
    chain: dict[str, int]
    images: dict[str, int]
    accuracy: ByClass
    accuracy_interval_95: dict[str, Interval]
    not_wrong: ByClass  # Judged right or "unsure".
    all: NotRequired[Figures]  # If it has both classes.


class Condition(TypedDict):
    """Figures of pictures that something was done to."""

    accuracy: ByClass
    accuracy_interval_95: dict[str, Interval]
    no_face: int  # Pictures in which none was found; they were judged as a whole.


class Shares(TypedDict):
    """Shares judged right of pictures in other sizes, files and conditions."""

    sizes: list[int]  # Pixels of the longer side.
    files: list[str]  # "JPEG 60" and so on.
    grid: dict[str, list[list[float]]]  # {class: rows sizes, columns files}
    intervals: dict[str, list[list[Interval]]]
    conditions: dict[str, Condition]


class Robustness(Shares):
    """The same, and of which pictures."""

    dataset: Images


class Learnt(TypedDict):
    """The dataset of a training."""

    names: list[str]
    counts: dict[str, int]  # {"split/class": images}
    sha256: str  # Of all their content.
    sources: NotRequired[dict[str, str]]  # {name: where its images are from and under which licence}


class Relative(TypedDict):
    """Another network that this one learnt from, or a file of weights."""

    model: NotRequired[str]
    weights: NotRequired[str]  # A hash of them.
    hub: NotRequired[str]  # OWNER/NAME of its repository.
    file: NotRequired[str]
    sha256: NotRequired[str]


class Provenance(TypedDict):
    """config.json of the training or joining."""

    model: str
    input_size: int
    options: dict[str, Any]
    dataset: Learnt
    versions: dict[str, str]  # Of Python and packages.
    backbone: NotRequired[str | None]  # Hash of a frozen one's weights.
    start: NotRequired[Literal["imagenet"] | Relative | None]
    teacher: NotRequired[Relative | None]
    members: NotRequired[list["Provenance"]]  # What it is joined from.
    temperature: NotRequired[float]
    offset: NotRequired[float]
    weights: NotRequired[str]  # How they were rounded.


class Form(TypedDict):
    """How the model answers with its weights stored in one precision."""

    precision: str
    bytes: int  # Of all files.
    accuracy: float  # On validation at the threshold.
    largest_difference: float  # In P(real), from Keras.
    mean_difference: float
    accepted: bool


class Info(Rule):
    """The content of detector.json."""

    classes: list[str]  # The index is the label; the model's output of rank 2 is P of the last.
    scope: str  # What a verdict covers; said beside each.
    evidence: bool  # Whether the model has an output of rank 4 too, high where the picture speaks for "fake".
    parameters: int  # How many numbers P(real) takes.
    layers: list[Layer]  # Those that P(real) takes, from the input on.
    input: Input
    unsure: Unsure
    temperature: float  # Of Platt scaling, part of the graph already; so is the offset.
    offset: float
    precision: str  # How the weights are stored.
    metrics: dict[str, Split]  # Of each measured split.
    extra: NotRequired[dict[str, Source]]  # Of other sources, by name.
    robustness: NotRequired[Robustness]
    provenance: Provenance
    files: dict[str, str]  # {name: sha256} of the model files beside it.
    precisions: NotRequired[list[Form]]  # What `--precision auto` chose from.
    hub: NotRequired[str]  # OWNER/NAME of the repository that it was pulled from.
