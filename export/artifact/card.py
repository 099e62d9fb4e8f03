"""The card on the Hub: README.md of a model repository, written from what it describes.

The metadata follows https://huggingface.co/docs/hub/model-cards; the sections follow Mitchell et al., "Model Cards
for Model Reporting", 2019, https://arxiv.org/abs/1810.03993.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from huggingface_hub import EvalResult, ModelCard, ModelCardData, hf_hub_url

from train import run
from train.chain.info import Info, Learnt, Provenance, Robustness, Source, Split
from train.figures.metrics import interval_95
from train.figures.robustness import tables

LICENSE = "cc-by-nc-sa-4.0"  # Of the weights that this project passes on, whatever their images' own is.
SPLITS = {"train": "training", "valid": "validation", "test": "test"}  # As people call them.


def model_card(
    info: Info, repo: str, revision: str, folder: str = "", plots: Sequence[str] = (), others: Sequence[str] = ()
) -> ModelCard:
    """The card of one run.

    Args:
        info: content of the run's detector.json; only what it holds is told.
        repo: OWNER/NAME.
        revision: branch that the loading lines name.
        folder: where in the repository the run's files are, "" for the top, else with a slash at the end.
        plots: the plots' names in the folder ``run/plots``, shown in the card.
        others: folders of the further runs beside it.
    """
    sections = [
        heading(info, others),
        purpose(info),
        loading(info, repo, revision, folder),
        data(info["provenance"]),
        figures(info),
        other_sources(info.get("extra")),
        "\n".join(f"![{Path(name).stem}](run/plots/{name})" for name in plots),
        robustness(info.get("robustness")),
        failures(info),
        contents(),
    ]
    return ModelCard(f"---\n{metadata(info).to_yaml()}\n---\n\n" + "\n\n".join(filter(None, sections)) + "\n")


def metadata(info: Info) -> ModelCardData:
    """What the Hub reads, with the figures of each evaluated split as model-index results."""
    names = info["provenance"]["dataset"]["names"]
    origins = [info["provenance"], *info["provenance"].get("members", [])]
    sources = [origin.get(key) for origin in origins for key in ("start", "teacher")]
    base = {source["hub"]: None for source in sources if isinstance(source, dict) and "hub" in source}
    results = []
    for split, of_split in ordered(info["metrics"]):
        at = of_split["at_threshold"]
        values = {
            ("accuracy", "Accuracy"): at["accuracy"],
            ("roc_auc", "ROC AUC"): of_split["roc_auc"],
            ("average_precision", "Average precision (fake)"): of_split["average_precision"],
        }
        results += [
            EvalResult(
                task_type="image-classification",
                dataset_type="-".join(names),
                dataset_name=", ".join(names),
                dataset_split=SPLITS[split],
                metric_type=kind,
                metric_name=name,
                metric_value=round(value, 4),
            )
            for (kind, name), value in values.items()
        ]
    return ModelCardData(
        library_name="keras",
        pipeline_tag="image-classification",
        license=LICENSE,
        tags=["deepfake-detection", "face", "stylegan", "tensorflow.js"],
        metrics=["accuracy", "roc_auc"],
        model_name=info["name"],
        base_model=list(base) or None,
        eval_results=results,
    )


def ordered(splits: dict[str, Split]) -> list[tuple[str, Split]]:
    """(split, its figures), the test split first, training last."""
    return [(split, splits[split]) for split in reversed(SPLITS) if split in splits]


def heading(info: Info, others: Sequence[str]) -> str:
    """What it takes and answers, and the folders of other runs."""
    size = info["input"]["size"]
    lines = [
        f"# DeepFaceDetect: {info['name']}",
        "",
        "Tells real face photographs from faces that StyleGAN made. It takes RGB pixels from 0 to 255, of any height "
        f"and width (its first layers resize to {size} x {size} and scale), and answers with one number, P(real)"
        + (", and a map of what speaks for a fake." if info["evidence"] else "."),
    ]
    if others:
        links = ", ".join(f"[{name}]({name}/README.md)" for name in others)
        lines += ["", f"Further models are in this repository's folders, each with its own card: {links}."]
    return "\n".join(lines)


def purpose(info: Info) -> str:
    """What it is for and what not, and when it is unsure."""
    lines = [
        "## What it is for",
        "",
        "Learning how such a detector is trained, measured and deployed, and comparing detectors on the same images.",
        "",
        "## What it is not for",
        "",
        "**A score is evidence, not proof.** Never accuse anyone on it alone: its error rate is below. It is not for "
        "moderation, identification, law enforcement or any decision about a person, and not for commercial use "
        "(see its licence).",
    ]
    unsure = info["unsure"]
    if unsure["low"] < unsure["high"]:
        lines += [
            "",
            f'From P(real) {unsure["low"]:.3f} up to {unsure["high"]:.3f} the answer is "unsure". Outside of that it '
            f"judges {unsure['coverage']:.1%} of the {unsure['measured_on']} images"
            + (f", {unsure['accuracy']:.1%} of those right." if unsure["coverage"] else "."),
        ]
    return "\n".join(lines)


def loading(info: Info, repo: str, revision: str, folder: str) -> str:
    """How to load it: two lines of Python after the imports, three of JavaScript."""
    outputs = "p_real, evidence" if info["evidence"] else "p_real"
    imported, source = "", f'"hf://{repo}"'
    if folder or revision != "main":  # Keras takes neither.
        imported = "\nfrom huggingface_hub import snapshot_download"
        source = f'snapshot_download("{repo}", revision="{revision}") + "/{folder}"'
    evidence = (
        " `evidence`, (1, rows, columns, 1), is from 0 to 1 and high where the photo speaks for a fake (Grad-CAM)."
        if info["evidence"]
        else ""
    )
    return f"""## How to load it

In Python, with the packages `keras`, `tensorflow`, `pillow` and `huggingface_hub`:

```python
import keras
import numpy as np{imported}
from PIL import Image

model = keras.saving.load_model({source})
{outputs} = model.predict(np.asarray(Image.open("photo.png").convert("RGB"), "float32")[None])
```

`p_real[0, 0]` is P(real).{evidence}

In JavaScript, with [TensorFlow.js](https://www.npmjs.com/package/@tensorflow/tfjs) as `tf` and a loaded `<img>` as
`photo`:

```js
const model = await tf.loadGraphModel('{hf_hub_url(repo, f"{folder}tfjs/model.json", revision=revision)}');
const pixels = tf.expandDims(tf.cast(tf.browser.fromPixels(photo), 'float32'));
const [pReal] = await [model.predict(pixels)].flat().find((output) => output.rank === 2).data();
```

Call it real from P(real) {info["threshold"]:.3f} on; `detector.json` holds this threshold and all other facts.
With the project's code, `python -m export pull --repo {repo} --revision {revision} --out DIR` fetches everything and
checks each file. Name a commit as the revision where the files must never change."""


def data(provenance: Provenance) -> str:
    """Images, their sources and rights, and the options and packages of the training."""
    dataset = provenance["dataset"]
    rows = [
        {"split": name} | {kind: str(dataset["counts"].get(f"{split}/{kind}", 0)) for kind in ("real", "fake")}
        for split, name in SPLITS.items()
        if any(key.startswith(f"{split}/") for key in dataset["counts"])
    ]
    options = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in provenance["options"].items())
    versions = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    return f"""## Training data

This model learnt from the images in {", ".join(f"`{name}`" for name in dataset["names"])}
(fingerprint sha256 `{dataset["sha256"]}`):

{run.markdown(rows, numbers=2)}
{sources(dataset)}

The weights are passed on under [CC BY-NC-SA 4.0](https://creativecommons.org/licenses/by-nc-sa/4.0/), the project's
code under MIT.

{origin(provenance)}Trained with {options}; {versions}."""


def sources(dataset: Learnt) -> str:
    """Where the images are from and whose rights bind, as ``dataset["sources"]``, {name: text}, states it."""
    stated = dataset.get("sources", {})
    parts = [f"`{name}`: {stated[name]}" for name in dataset["names"] if name in stated]
    if missing := [f"`{name}`" for name in dataset["names"] if name not in stated]:
        parts.append(
            f"Where the images of {', '.join(missing)} are from, and under which licence, is not stated. Whoever "
            "passes this model on must find out first."
        )
    return "\n\n".join(parts)


def origin(provenance: Provenance) -> str:
    """What it started from, whose answers it learnt and what it is joined from; "" for a training from scratch."""
    lines = []
    start, teacher = provenance.get("start"), provenance.get("teacher")
    if start == "imagenet":
        lines.append("It started from weights that Keras' authors trained on ImageNet.")
    elif start and "model" in start:
        lines.append(f"It started from layers of another network, `{start['model']}` (weights `{start['weights']}`).")
    elif start:
        lines.append(f"It started from the weights in `{start['file']}` (sha256 `{start['sha256']}`).")
    if teacher:
        weights = teacher["weights"]
        lines.append(f"It learnt the answers of another network, `{teacher['model']}` (weights `{weights}`).")
    if members := provenance.get("members"):
        lines.append(f"It joins {len(members)} network{'s' * (len(members) > 1)}:")
        lines += [
            f"- `{member['model']}`, of images in {', '.join(f'`{name}`' for name in member['dataset']['names'])} "
            f"(fingerprint sha256 `{member['dataset']['sha256']}`). {origin(member).strip()}".rstrip()
            for member in members
        ]
    return "".join(f"{line}\n" for line in lines) + "\n" * bool(lines)


def figures(info: Info) -> str:
    """The splits' figures, with 95% intervals."""
    rows, details = [], []
    for split, of_split in ordered(info["metrics"]):
        at = of_split["at_threshold"]
        low, high = at["accuracy_interval_95"]
        bottom, top = auc_interval(of_split["roc_auc"], *of_split["images"].values())
        rows.append(
            {
                "split": SPLITS[split],
                "images": str(sum(of_split["images"].values())),
                "accuracy": f"{at['accuracy']:.1%} ({low:.1%} to {high:.1%})",
                "ROC AUC": f"{of_split['roc_auc']:.3f} ({bottom:.3f} to {top:.3f})",
                "average precision (fake)": f"{of_split['average_precision']:.3f}",
                "equal error rate": f"{of_split['equal_error_rate']:.1%}",
            }
        )
        details += [
            {
                "split": SPLITS[split],
                "class": name,
                "images": f"{of_class['support']:.0f}",
                "precision": f"{of_class['precision']:.1%}",
                "recall": with_interval(of_class["recall"], of_class["support"]),
                "F1": f"{of_class['f1']:.3f}",
            }
            for name, of_class in at["classes"].items()
        ]
    note = ""
    if "valid" in info["metrics"]:
        note = (
            f"\nThe threshold, P(real) {info['threshold']:.3f}, was chosen on the validation split, so that split's "
            "figures flatter the model a little."
        )
    return f"""## Figures

Of the images named above and no others: they are not figures of the full 140,000-image set unless that is the set
named there. In brackets 95% intervals: Wilson's for shares, Hanley and McNeil's (1982) for ROC AUC.{note}
P(real) is calibrated by Platt scaling, inside the model.

{run.markdown(rows, numbers=5)}
{run.markdown(details, numbers=4).rstrip()}"""


def with_interval(share: float, count: float) -> str:
    """A share of ``count`` images, with its 95% Wilson interval."""
    low, high = interval_95(round(share * count), round(count))
    return f"{share:.1%} ({low:.1%} to {high:.1%})"


def auc_interval(auc: float, fakes: int, reals: int) -> tuple[float, float]:
    """95% interval of an area under the ROC curve (Hanley & McNeil, Radiology, 1982), within 0..1."""
    by_fakes, by_reals = auc / (2 - auc) - auc**2, 2 * auc**2 / (1 + auc) - auc**2
    variance = (auc * (1 - auc) + (fakes - 1) * by_fakes + (reals - 1) * by_reals) / (fakes * reals)
    half = 1.96 * np.sqrt(variance)
    return max(auc - half, 0), min(auc + half, 1)


def other_sources(extra: dict[str, Source] | None) -> str:
    """Figures on other collections, at the same threshold; nothing where none was tried."""
    if not extra:
        return ""
    rows = []
    for name, found in extra.items():
        cells = {kind: with_interval(share, found["images"][kind]) for kind, share in found["accuracy"].items()}
        area = ""
        if "all" in found:
            low, high = auc_interval(found["all"]["roc_auc"], found["images"]["fake"], found["images"]["real"])
            area = f"{found['all']['roc_auc']:.3f} ({low:.3f} to {high:.3f})"
        rows.append(
            {
                "source": name,
                "images": str(sum(found["images"].values())),
                "fakes called fake": cells.get("fake", ""),
                "real photos called real": cells.get("real", ""),
                "ROC AUC": area,
            }
        )
    return f"""## Other sources

Collections that it did not learn from, unless they are named under training data:

{run.markdown(rows, numbers=4).rstrip()}"""


def robustness(figures: Robustness | None) -> str:
    """Shares judged right in other sizes, files and conditions; nothing where that was not measured."""
    if not figures:
        return ""
    parts = ["## Robustness\n\nShare judged right at the one threshold, through the whole way from photo to verdict.\n"]
    return "\n".join([*parts, *(run.markdown(rows, len(rows[0]) - 1) for rows in tables(figures))]).rstrip()


def failures(info: Info) -> str:
    """What goes wrong: counted on the first of test and validation, and by construction."""
    [(split, of_split), *_] = ordered(info["metrics"])
    (fake_right, fake_wrong), (real_wrong, real_right) = of_split["at_threshold"]["confusion_matrix"]
    measured = "; how much is in the table above" if "robustness" in info else "; how much was not measured"
    missed = {
        name: 1 - found["accuracy"]["fake"]
        for name, found in info.get("extra", {}).items()
        if "fake" in found["accuracy"]
    }
    elsewhere = ""
    if missed:
        worst = max(missed, key=missed.__getitem__)
        elsewhere = f"Of the fakes of `{worst}` it missed {missed[worst]:.1%}. "
    return f"""## Known failures

- On the {SPLITS[split]} split it called {real_wrong} of {real_wrong + real_right} real photos fake, and {fake_wrong} of
  {fake_wrong + fake_right} fakes real.
- It has seen fakes of StyleGAN's family only. {elsewhere}Pictures of other generators (Midjourney,
  Stable Diffusion, Flux), face swaps and retouched photos may pass as real.
- The network alone answers for any picture. Without one large, upright, centred face, as in FFHQ, the number means
  nothing: bring pictures there as the project's chain does.
- Shrinking, sharpening, screenshots and messengers' compression change the traces that it looks for{measured}.
- Its training photos' biases in age, ethnicity and picture quality are its own. Error rates by group were not
  measured."""


def contents() -> str:
    """The repository's files."""
    return """## Files

| file | content |
| --- | --- |
| `config.json`, `metadata.json`, `model.weights.h5` | the network for Keras 3, pixels to P(real) |
| `model.tflite` | the same for LiteRT, pixels of the network's own size to P(real) |
| `tfjs/` | the same for TensorFlow.js, with its own `detector.json` |
| `detector.json` | classes, input, threshold, figures, origin, sha256 of the model files |
| `run/` | options, figures and curves of the training |
| `SHA256SUMS` | sha256 of every file (at the top of the repository): `sha256sum --check SHA256SUMS` |"""
