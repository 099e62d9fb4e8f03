"""How a detector stands up to what happens to pictures on their way: sizes and files, frames and turns.

    python -m train evaluate runs/custom --data DIR --robustness DIR/of/pictures

prints the tables and writes runs/custom/plots/robustness.png. Every picture goes the whole way from photo to verdict,
at the run's one threshold; real photos and fakes are counted apart.
"""

from collections.abc import Iterable
from typing import Literal

import keras
import numpy as np
from tqdm import tqdm

from train.chain import info
from train.chain.info import Shares
from train.figures import scoring
from train.figures.conditions import CONDITIONS, FILES, SIZES, Condition, of_size
from train.figures.metrics import interval_95
from train.photos import data
from train.spec import CLASS_NAMES


def measure(model: keras.Model, photos: list[data.Photo], threshold: float) -> Shares:
    """Accuracy of each class in each size and file of `conditions.SIZES` and FILES, and in each of CONDITIONS.

    A photo in which no face is found counts as it is judged as a whole.
    """
    labels = data.labels_of(photos)[:, 0].astype(int)
    classes = {name: label for label, name in enumerate(CLASS_NAMES) if (labels == label).any()}

    def judge(condition: Condition) -> info.Condition:
        found = scoring.score(model, [scoring.reader(photo, condition) for photo in photos])
        right = (np.array([one.p_real for one in found]) >= threshold) == labels
        of_classes = {name: right[labels == label] for name, label in classes.items()}
        return {
            "accuracy": {name: float(of_class.mean()) for name, of_class in of_classes.items()},
            "accuracy_interval_95": {
                name: interval_95(of_class.sum(), len(of_class)) for name, of_class in of_classes.items()
            },
            "no_face": sum(one.faces == 0 for one in found),
        }

    ways: Iterable[tuple[str, Condition]] = [
        *((f"{size} {file}", of_size(size, file)) for size in SIZES for file in FILES),
        *CONDITIONS.items(),
    ]
    answers = {name: judge(way) for name, way in tqdm(ways, desc="robustness", unit="condition")}

    def grid(key: Literal["accuracy", "accuracy_interval_95"], class_name: str) -> list[list]:
        return [[answers[f"{size} {file}"][key][class_name] for file in FILES] for size in SIZES]

    return {
        "sizes": list(SIZES),
        "files": list(FILES),
        "grid": {name: grid("accuracy", name) for name in classes},
        "intervals": {name: grid("accuracy_interval_95", name) for name in classes},
        "conditions": {name: answers[name] for name in CONDITIONS},
    }


def tables(figures: Shares) -> list[list[dict[str, str]]]:
    """What `measure` found, for people: for each class sizes by files, then the conditions."""
    grids = [
        [
            {f"{name}: right at size": str(size)} | {file: f"{right:.2f}" for file, right in zip(figures["files"], row)}
            for size, row in zip(figures["sizes"], rows)
        ]
        for name, rows in figures["grid"].items()
    ]
    conditions = [
        {"condition": name}
        | {f"{class_name} right": f"{right:.2f}" for class_name, right in of_one["accuracy"].items()}
        | {"no face found": str(of_one["no_face"])}
        for name, of_one in figures["conditions"].items()
    ]
    return [*grids, conditions]
