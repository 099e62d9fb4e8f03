"""Find the faces in a photo, and cut one out as the models were trained to see it.

The network is BlazeFace (Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile
GPUs", https://arxiv.org/abs/1907.05047) with the weights of MediaPipe's short-range face detection.
``web/faces.js`` does the same in the browser, step by step; what both must agree on stands in ``faces.json``:

    network     side of its square input in pixels; its grids of anchors, so many an element
    keypoints   names, in the network's order
    searches    made in turn until one finds a face: the photo's longer side is shrunk to so many times the
                network's, and a face needs at least this score, the higher the more places are looked at
    overlap     intersection over union from which on two boxes are one face
    crop        side of the aligned crop, and of the picture that it is shrunk from, in pixels
    beside      least width of a second face that counts, as a share of the largest one's
    small       width of a face, as a share of the photo's shorter side, below which the crop is offered
    tiny        width of a face in pixels below which no crop helps
    advice      the sentences
"""

import dataclasses
import functools
import json
import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

FACTS = json.loads((Path(__file__).parent / "faces.json").read_text())
NETWORK = Path(__file__).parent / "face_detection_short_range.tflite"
SIDE = FACTS["network"]["size"]

_one_at_a_time = threading.Lock()  # The interpreter keeps its tensors between two calls.


@dataclasses.dataclass(frozen=True)
class Face:
    """One face, in pixels of the photo, (0, 0) its upper left corner; parts may lie outside it.

    Attributes:
        box: left, top, right, bottom; from the brows to the chin.
        score: confidence, 0..1.
        keypoints: {name: (x, y)} of both eyes, nose, mouth and both ears; right is the person's right.
    """

    box: tuple[float, float, float, float]
    score: float
    keypoints: dict[str, tuple[float, float]]

    @property
    def width(self) -> float:
        """Of the box, which is square, in pixels."""
        return self.box[2] - self.box[0]


def find_faces(pixels: np.ndarray) -> list[Face]:
    """The faces of a photo, the largest first.

    The network sees faces from about an eighth of its square on. So only where the whole photo shows none, parts
    of it are looked at, and then smaller ones.

    Args:
        pixels: uint8 (height, width, 3), RGB, any size.
    """
    for search in FACTS["searches"]:
        if search["parts"] > 1 and search["parts"] * SIDE > max(pixels.shape[:2]):
            break  # Enlarging shows nothing new.
        if found := _search(pixels, **search):
            return sorted(map(_face, found), key=lambda face: face.width, reverse=True)
    return []


def aligned_crop(pixels: np.ndarray, face: Face) -> np.ndarray:
    """Cut a face out upright, as FFHQ's photos were cut (Karras et al. 2019, https://arxiv.org/abs/1812.04948).

    The square follows from eyes and mouth as in appendix C of Karras et al. 2018
    (https://arxiv.org/abs/1710.10196). What it needs beyond the photo's edges is the photo mirrored there.

    Args:
        pixels: uint8 (height, width, 3), RGB.
        face: one that `find_faces` found there.

    Returns:
        uint8 (size, size, 3), the size of `FACTS["crop"]`.
    """
    square = _square(face.keypoints)
    crop = _cut(pixels, square)
    if not (again := find_faces(crop)):  # Seen as large as this, the keypoints are several times as exact.
        return crop
    (x, y), (u, v) = square
    units = {name: np.array(point) * 2 / len(crop) - 1 for name, point in again[0].keypoints.items()}
    return _cut(pixels, _square({name: (x + s * u - t * v, y + s * v + t * u) for name, (s, t) in units.items()}))


def count(faces: list[Face]) -> int:
    """How many of the faces count: not those much smaller than the largest, in the background."""
    return sum(face.width >= FACTS["beside"] * faces[0].width for face in faces)


def situation(faces: list[Face], width: int, height: int) -> str | None:
    """What a photo's faces mean for its verdict: none, several, tiny or small (the crop helps); None when all is well.

    Args:
        faces: from `find_faces`.
        width, height: of the photo in pixels.
    """
    if not faces:
        return "none"
    if count(faces) > 1:
        return "several"
    if faces[0].width < FACTS["tiny"]:
        return "tiny"
    if faces[0].width < FACTS["small"] * min(width, height):
        return "small"
    return None


def advice(faces: list[Face], width: int, height: int) -> str | None:
    """One or two sentences on the `situation` for the person who chose the photo; None when all is well."""
    if not (key := situation(faces, width, height)):
        return None
    pixels = int(faces[0].width) if faces else 0
    return FACTS["advice"][key].format(count=count(faces), pixels=pixels)


def _search(pixels: np.ndarray, parts: int, least_score: float) -> list[np.ndarray]:
    """Faces of at least ``least_score``, looked for in the photo shrunk to ``parts`` times the network's side.

    The network's square moves over it by half its side. A side too short for the square gets black bars.

    Returns:
        For each face float64 (17,): score, and in pixels of the photo x and y of the box's corners and the keypoints.
    """
    height, width = pixels.shape[:2]
    scale = parts * SIDE / max(width, height)
    w, h = (max(1, int(length * scale + 0.5)) for length in (width, height))
    canvas = np.zeros((max(h, SIDE), max(w, SIDE), 3), np.uint8)
    x, y = (canvas.shape[1] - w) // 2, (canvas.shape[0] - h) // 2
    canvas[y : y + h, x : x + w] = Image.fromarray(pixels).resize((w, h), Image.Resampling.BILINEAR)
    found = []
    for top in _starts(canvas.shape[0]):
        for left in _starts(canvas.shape[1]):
            rows = _decode(*_run(canvas[top : top + SIDE, left : left + SIDE]), least_score)
            rows[:, 1::2] = (rows[:, 1::2] + left - x) * width / w
            rows[:, 2::2] = (rows[:, 2::2] + top - y) * height / h
            found.append(rows)
    return _blend(np.concatenate(found))


def _starts(length: int) -> list[int]:
    """Where the network's square starts on its way along so many pixels."""
    last, step = length - SIDE, SIDE // 2
    return [min(start, last) for start in range(0, last + step, step)]


@functools.cache
def _interpreter() -> Interpreter:
    interpreter = Interpreter(str(NETWORK))
    interpreter.allocate_tensors()
    return interpreter


def _run(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The network's outputs for its uint8 square: float32 (anchors, 16) points, (anchors,) logits of the scores."""
    with _one_at_a_time:
        interpreter = _interpreter()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], square[None] / np.float32(127.5) - 1)
        interpreter.invoke()
        outputs = {o["name"]: interpreter.get_tensor(o["index"])[0] for o in interpreter.get_output_details()}
    return outputs["regressors"], outputs["classificators"][:, 0]


@functools.cache
def _anchors() -> np.ndarray:
    """Centres of the grids' elements, float64 (anchors, 2), x and y in pixels of the network's square."""
    centres = []
    for grid in FACTS["network"]["grids"]:
        y, x = np.divmod(np.arange(grid["side"] ** 2), grid["side"])
        centres.append(np.repeat((np.stack([x, y], axis=1) + 0.5) * SIDE / grid["side"], grid["anchors"], axis=0))
    return np.concatenate(centres)


def _decode(points: np.ndarray, logits: np.ndarray, least_score: float) -> np.ndarray:
    """Rows of score, box and keypoints, float64 (boxes, 17), of the anchors that see a face.

    For each anchor the network gives centre, width and height of the box and then the keypoints, all but width
    and height relative to the anchor's centre.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(float), -100, 100)))
    seen = scores >= least_score
    points = points[seen].astype(float).reshape(-1, 8, 2)
    half = points[:, 1] / 2
    points[:, 1] = points[:, 0] + half
    points[:, 0] -= half
    points += _anchors()[seen][:, None]
    return np.concatenate([scores[seen][:, None], points.reshape(-1, 16)], axis=1)


def _blend(rows: np.ndarray) -> list[np.ndarray]:
    """Make one row of all those that overlap the best one, their mean by score; the same with what is left.

    BlazeFace's own replacement for non-maximum suppression: it makes the boxes jitter less.
    """
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    blended = []
    while len(rows):
        left, top, right, bottom = rows[:, 1:5].T
        width = np.minimum(right, right[0]) - np.maximum(left, left[0])
        height = np.minimum(bottom, bottom[0]) - np.maximum(top, top[0])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        area = (right - left) * (bottom - top)
        same = shared > FACTS["overlap"] * (area + area[0] - shared)
        same[0] = True  # Whatever its own size.
        mean = np.average(rows[same], axis=0, weights=rows[same, 0])
        blended.append(np.array([rows[0, 0], *mean[1:]]))
        rows = rows[~same]
    return blended


def _face(row: np.ndarray) -> Face:
    score, *points = row.tolist()
    names = FACTS["keypoints"]
    return Face(tuple(points[:4]), score, dict(zip(names, zip(points[4::2], points[5::2]))))


def _square(keypoints: dict[str, tuple[float, float]]) -> tuple[tuple[float, float], tuple[float, float]]:
    """FFHQ's square around a face: its centre, and the way from there to the middle of its right side."""
    right_eye, left_eye, mouth = (np.array(keypoints[name]) for name in ("right_eye", "left_eye", "mouth"))
    eyes, eye_to_eye = (right_eye + left_eye) / 2, left_eye - right_eye
    eyes_to_mouth = mouth - eyes
    x, y = eye_to_eye + [eyes_to_mouth[1], -eyes_to_mouth[0]]
    reach = max(2 * np.hypot(*eye_to_eye), 1.8 * np.hypot(*eyes_to_mouth)) / np.hypot(x, y)
    return tuple((eyes + 0.1 * eyes_to_mouth).tolist()), (float(x * reach), float(y * reach))


def _cut(pixels: np.ndarray, square: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    """The content of a `_square` as the crop's uint8 (size, size, 3)."""
    (x, y), (u, v) = square
    reach = abs(u) + abs(v) + 2  # Two pixels more for the interpolation.
    left, top = int(np.floor(x - reach)), int(np.floor(y - reach))
    columns = _mirror(np.arange(left, int(np.ceil(x + reach))), pixels.shape[1])
    rows = _mirror(np.arange(top, int(np.ceil(y + reach))), pixels.shape[0])
    source, size = FACTS["crop"]["source"], FACTS["crop"]["size"]
    step_u, step_v = 2 * u / source, 2 * v / source
    matrix = (step_u, -step_v, x - u + v - left, step_v, step_u, y - v - u - top)
    crop = Image.fromarray(pixels[rows[:, None], columns])
    crop = crop.transform((source, source), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(crop.resize((size, size), Image.Resampling.BILINEAR))


def _mirror(positions: np.ndarray, length: int) -> np.ndarray:
    """Where positions beyond 0..length - 1 fall when the picture is mirrored at its edges."""
    positions = positions % (2 * length)
    return np.minimum(positions, 2 * length - 1 - positions)
