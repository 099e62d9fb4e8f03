"""What the Space says of its models: tables and SVG drawings from the numbers of their detector.json."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from chain.info import Calibration, Curve, Figures, Info, Layer, OperatingPoint, Robustness, Source, Unsure
from detector import Detector
from views import MACROS, percent, scroll

MAX_POINTS = 200  # Of a drawn curve.
MAX_LAYERS = 16  # Boxes of a drawn network; of a deeper one, the layers in the middle become one box.


def overview(models: dict[str, Detector | None]) -> Markup:
    """All models in one table; None stands for one without weights."""
    rows = []
    for name, detector in models.items():
        size = [f"{detector.info['parameters']:,}", _megabytes(detector.file_bytes)] if detector else ["", ""]
        figures = ["not measured" if detector else "not trained here", "", ""]
        if detector and (test := detector.info["metrics"].get("test")):
            low, high = test["at_threshold"]["accuracy_interval_95"]
            accuracy = percent(test["at_threshold"]["accuracy"])
            figures = [accuracy, f"{percent(low)} to {percent(high)}", f"{test['roc_auc']:.3f}"]
        rows.append((name, *figures, *size))
    caption = "On the test images, where a coin has 50.0 % and 0.500"
    header = ("Model", "Accuracy", "95 % interval", "ROC AUC", "Parameters", "File")
    return MACROS.overview(table(caption, header, rows))


def model_card(name: str, detector: Detector | None) -> Markup:
    """One model's figures on the images it never saw, as far as detector.json has them; None without weights."""
    if not detector:
        return MACROS.model_card(name, [MACROS.paragraph("Not trained here: there are no weights.")])
    info, test = detector.info, detector.info["metrics"].get("test")
    size = f"{info['parameters']:,} parameters in {_megabytes(detector.file_bytes)}; "
    size += f"sees {info['input']['size']} × {info['input']['size']} pixels."
    if not test:
        return MACROS.model_card(name, [MACROS.paragraph(f"{size} It was not measured: there are no figures.")])
    parts = [
        MACROS.paragraph(f"{learnt_from(info)} {size}"),
        MACROS.columns([_figures(test), confusion(test["at_threshold"]["confusion_matrix"], info["classes"])]),
        MACROS.columns([roc(test["roc"], test["roc_auc"]), calibration(test["calibration"]["after"])]),
        _operating_points(test["operating_points"]),
        _unsure(info["unsure"]),
        *(_robustness(info["robustness"]) if "robustness" in info else ()),
        _other_sources(info.get("extra", {})),
    ]
    return MACROS.model_card(name, parts)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def learnt_from(info: Info) -> str:
    """One paragraph on data and test, in numbers; "" without any."""
    if not (test := info["metrics"].get("test")):
        return ""
    provenance = info["provenance"]
    low, high = test["at_threshold"]["accuracy_interval_95"]
    if "members" in provenance:
        learnt = f"Joined from {' and '.join(member['model'] for member in provenance['members'])}."
    else:
        counts, names = provenance["dataset"]["counts"], ", ".join(provenance["dataset"]["names"])
        learnt = f"Trained on {counts['train/real']:,} real and {counts['train/fake']:,} fake faces ({names})."
    return (
        f"{learnt} Of {sum(test['images'].values()):,} test images, which it had never seen, it judged "
        f"{percent(test['at_threshold']['accuracy'])} right (95 % interval {percent(low)} to {percent(high)})."
    )


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """An HTML table; the first cell of each row is its heading, all others are numbers."""
    return MACROS.table(caption, header, rows)


def _figures(test: Figures) -> Markup:
    """Accuracy, AUC, and each class's precision, recall and F1, beside those of tossing a coin."""
    total = sum(test["images"].values())
    rows = [
        ("Accuracy", percent(test["at_threshold"]["accuracy"]), percent(0.5)),
        ("ROC AUC", f"{test['roc_auc']:.3f}", "0.500"),
    ]
    for name, of_class in test["at_threshold"]["classes"].items():
        share = test["images"][name] / total
        rows += [
            (f"Precision ({name})", percent(of_class["precision"]), percent(share)),
            (f"Recall ({name})", percent(of_class["recall"]), percent(0.5)),
            (f"F1 ({name})", percent(of_class["f1"]), percent(2 * share * 0.5 / (share + 0.5))),
        ]
    return table("On the test images", ("", "This model", "A coin"), rows)


def confusion(matrix: list[list[int]], classes: list[str]) -> Markup:
    """Confusion matrix: rows what the image is, columns the verdict; cells darker by their share of the row."""
    rows = [(name, [(f"{n:,}", n / max(sum(row), 1)) for n in row]) for name, row in zip(classes, matrix)]
    header = ("In truth", *(f"called {name}" for name in classes))
    return MACROS.matrix("Right and wrong verdicts, in images", header, rows)


def _operating_points(points: list[OperatingPoint]) -> Markup | str:
    if not points:
        return ""
    rows = [(percent(p["false_accusation"]), percent(p["fakes_found"]), f"{p['threshold']:.3f}") for p in points]
    return table("If fewer real photos may be accused", ("Accused at most", "Fakes found", "Threshold"), rows)


def _unsure(band: Unsure) -> Markup | str:
    if band["low"] == band["high"]:
        return ""
    right = f", and {percent(band['accuracy'])} of those are right" if band["accuracy"] is not None else ""
    return MACROS.paragraph(
        f"It says “unsure” where P(real) is from {band['low']:.3f} to {band['high']:.3f}. It gives a verdict on "
        f"{percent(band['coverage'])} of the images{right}."
    )


def heat_map(robustness: Robustness, kind: str) -> Markup:
    """Share of one class judged right in other sizes and files: a half pale, all of them dark.

    Args:
        robustness: of detector.json.
        kind: the class, "fake" or "real".
    """
    rows = [
        (f"{size} px", [(f"{right:.2f}", max(0, 2 * right - 1)) for right in row])
        for size, row in zip(robustness["sizes"], robustness["grid"][kind])
    ]
    caption = {"fake": "Share of fakes found", "real": "Share of real photos judged right"}[kind]
    header = ("", *robustness["files"])
    return scroll(caption, MACROS.matrix(f"{caption}, in other sizes and files", header, rows))


def _robustness(robustness: Robustness) -> list[Markup]:
    """Shares judged right of each class that was measured: by size and file, and turned, framed, grey ..."""
    kinds = list(robustness["grid"])
    rows = [
        (name, *(percent(found["accuracy"][kind]) for kind in kinds))
        for name, found in robustness["conditions"].items()
    ]
    header = ("", *({"fake": "Fakes right", "real": "Real right"}[kind] for kind in kinds))
    conditions = table("What people do to pictures", header, rows)
    return [*(heat_map(robustness, kind) for kind in kinds), conditions]


def _other_sources(extra: dict[str, Source]) -> Markup | str:
    """Shares judged right of images from elsewhere, and ROC AUC where both classes are there."""
    rows = []
    for name, source in extra.items():
        images = " + ".join(f"{count:,} {kind}" for kind, count in source["images"].items())
        right = [percent(source["accuracy"][kind]) if kind in source["accuracy"] else "" for kind in ("fake", "real")]
        rows.append((name, images, *right, f"{source['all']['roc_auc']:.3f}" if "all" in source else ""))
    header = ("", "Images", "Fakes right", "Real right", "ROC AUC")
    return scroll("Other sources", table("Images from other sources", header, rows)) if rows else ""


def roc(curve: Curve, auc: float) -> Markup:
    """ROC curve with fake as the positive class."""
    points = list(zip(curve["false_accusation"], curve["fakes_found"]))
    step = max(1, len(points) // MAX_POINTS)
    drawn = _line([*points[::step], points[-1]], "curve")
    return _unit_plot(
        f"ROC curve, area {auc:.3f}", "real photos called fake", "fakes found", _line([(0, 0), (1, 1)], "guess") + drawn
    )


def calibration(figures: Calibration) -> Markup:
    """Reliability diagram."""
    points = [(one["confidence"], one["accuracy"]) for one in figures["bins"]]
    most = max(one["count"] for one in figures["bins"])
    dots = "".join(
        f'<circle cx="{_x(one["confidence"]):.1f}" cy="{_y(one["accuracy"]):.1f}" '
        f'r="{2 + 5 * (one["count"] / most) ** 0.5:.1f}"><title>{one["count"]} images</title></circle>'
        for one in figures["bins"]
    )
    title = f"Calibration, expected error {figures['ece']:.3f}, Brier score {figures['brier']:.3f}"
    return _unit_plot(
        title, "P(real)", "share that is real", _line([(0, 0), (1, 1)], "guess") + _line(points, "curve") + dots
    )


def _x(share: float) -> float:
    return 44 + 240 * share


def _y(share: float) -> float:
    return 252 - 240 * share


def _line(points: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<polyline class="{kind}" points="{" ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)}"/>'


def _unit_plot(title: str, x_label: str, y_label: str, drawing: str) -> Markup:
    """A square from 0 to 1 both ways, with ticks, under a drawing in its coordinates."""
    ticks = "".join(
        f'<line x1="{_x(t)}" y1="{_y(0)}" x2="{_x(t)}" y2="{_y(1)}"/>'
        f'<line x1="{_x(0)}" y1="{_y(t)}" x2="{_x(1)}" y2="{_y(t)}"/>'
        f'<text x="{_x(t)}" y="268" text-anchor="middle">{t:g}</text>'
        f'<text x="38" y="{_y(t) + 4}" text-anchor="end">{t:g}</text>'
        for t in (0, 0.25, 0.5, 0.75, 1)
    )
    return Markup(
        f'<figure><svg viewBox="0 0 300 290" role="img" aria-label="{title}" class="plot">'
        f'<g class="grid">{ticks}</g>{drawing}'
        f'<text x="164" y="286" text-anchor="middle">{x_label}</text>'
        f'<text transform="translate(10 132) rotate(-90)" text-anchor="middle">{y_label}</text></svg>'
        f"<figcaption>{title}</figcaption></figure>"
    )


def architecture(name: str, layers: list[Layer]) -> Markup:
    """The network as boxes from top to bottom: kind, output shape, parameters.

    Args:
        name: of the model.
        layers: those of detector.json.
    """
    total = sum(layer["parameters"] for layer in layers)
    shown = layers
    if len(layers) > MAX_LAYERS:
        half = MAX_LAYERS // 2
        middle = layers[half:-half]
        between: Layer = {
            "kind": f"{len(middle)} more layers",
            "shape": middle[-1]["shape"],
            "parameters": sum(layer["parameters"] for layer in middle),
        }
        shown = [*layers[:half], between, *layers[-half:]]
    boxes = []
    for index, layer in enumerate(shown):
        y = 36 * index
        note = f"{layer['parameters']:,} parameters" if layer["parameters"] else ""
        arrow = f'<path d="M180 {y - 10}v8m-3 -4l3 4l3 -4"/>' if index else ""
        boxes.append(
            f'{arrow}<rect x="1" y="{y}" width="358" height="25" rx="5"/>'
            f'<text x="10" y="{y + 17}">{escape(layer["kind"])}</text>'
            f'<text x="190" y="{y + 17}" text-anchor="middle">{escape(layer["shape"])}</text>'
            f'<text x="350" y="{y + 17}" text-anchor="end">{note}</text>'
        )
    title = f"{escape(name)}: {len(layers)} layers, {total:,} parameters"
    return Markup(
        f'<figure><svg viewBox="0 -1 360 {36 * len(shown) - 8}" role="img" aria-label="{title}" class="network">'
        f"{''.join(boxes)}</svg>"
        f"<figcaption>{title}. Each box: layer, size of its output, parameters.</figcaption></figure>"
    )
