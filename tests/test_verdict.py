"""What is said of a photo's faces, value by value; `test_faces` compares the page's twin with this."""

import numpy as np
import pytest

from train.chain import verdict
from train.chain.faces import FACTS, Face
from train.spec import WORDS

INFO = {"name": "net", "threshold": 0.5, "unsure": {"low": 0.4, "high": 0.6}, "words": WORDS}
PIXELS = np.zeros((2, 2, 3), np.uint8)


def view(face=1, faces=1, **changed):
    own = {"box": (3, 5, 90, 92), "roll": -0.04, "pixels": PIXELS, "as_is": False, "advice": None, "tiny": False}
    return verdict.FaceView(face, faces, **own | changed)


def said(*p_real, **changed):
    views = [view(index, len(p_real), **changed) for index in range(1, len(p_real) + 1)]
    return verdict.rows("a.png", views, [*p_real], INFO)


@pytest.mark.parametrize(
    ("p_real", "expected"),
    [(0.0, "fake"), (0.3999, "fake"), (0.4, "unsure"), (0.5999, "unsure"), (0.6, "real"), (1.0, "real")],
)
def test_the_band_is_unsure_from_its_lower_limit_to_below_its_upper_one(p_real, expected):
    [row] = said(p_real)
    assert (row["verdict"], row["unsure"]) == (expected, expected == "unsure")


@pytest.mark.parametrize(("p_real", "expected"), [(0.4999, "fake"), (0.5, "real"), (0.5001, "real")])
def test_without_a_band_the_threshold_itself_is_real(p_real, expected):
    info = INFO | {"unsure": {"low": 0.5, "high": 0.5}}
    [row] = verdict.rows("a.png", [view()], [p_real], info)
    assert row["verdict"] == expected


def test_a_tiny_face_is_unsure_whatever_the_network_says():
    [row] = said(0.01, tiny=True, advice="Small.")
    assert (row["verdict"], row["unsure"], row["advice"], row["p_real"]) == ("unsure", True, "Small.", 0.01)


def test_a_row_says_all_of_its_face():
    assert said(0.9) == [
        {
            "file": "a.png", "face": 1, "faces": 1, "box": [3, 5, 90, 92], "roll": 0.0, "verdict": "real",
            "p_real": 0.9, "unsure": False, "as_is": False, "advice": None, "model": "net", "error": None,
        }
    ]  # fmt: skip
    assert str(said(0.9)[0]["roll"]) == "0.0"  # Not -0.0, which another language writes otherwise.
    [row] = said(0.9, box=None, roll=None, as_is=True)
    assert (row["box"], row["roll"], row["as_is"]) == (None, None, True)
    assert said(0.9, roll=12.345)[0]["roll"] == 12.3


def test_rows_of_no_face_and_of_no_photo():
    bare = dict.fromkeys(verdict.COLUMNS) | {"file": "a.png", "model": "net"}
    none = {"faces": 0, "verdict": "no_face", "unsure": False, "as_is": False, "advice": FACTS["advice"]["none"]}
    assert verdict.rows("a.png", [], [], INFO) == [bare | none]
    assert verdict.error_row("a.png", "No.", INFO) == bare | {"error": "No."}
    with pytest.raises(ValueError):
        verdict.rows("a.png", [view()], [], INFO)


@pytest.mark.parametrize(
    ("p_real", "expected", "words"),
    [
        ([0.9], "real", WORDS["real"]),
        ([0.5], "unsure", WORDS["unsure"]),
        ([0.9, 0.1, 0.5], "fake", "1 of 3 faces: probably StyleGAN fakes"),
        ([0.1, 0.1, 0.5], "fake", "2 of 3 faces: probably StyleGAN fakes"),
        ([0.9, 0.5], "unsure", "1 of 2 faces: it could be either"),
        ([0.9, 0.9], "real", "2 of 2 faces: probably real photos"),
        ([], "no_face", FACTS["words"]["none"]),
    ],
)
def test_a_picture_is_its_worst_face(p_real, expected, words):
    rows = said(*p_real)
    assert verdict.picture_verdict(rows) == expected
    assert verdict.words(rows, INFO) == words


def test_a_table_runs_no_formula_and_writes_numbers_alike():
    assert verdict.to_csv([]) == b"\xef\xbb\xbf" + ",".join(verdict.COLUMNS).encode() + b"\r\n"
    for sign in ("=", "+", "-", "@", "\t", "\r"):
        assert verdict.cells(verdict.error_row(f"{sign}1", "No.", INFO))[0] == f"'{sign}1"
    assert verdict.cells(verdict.error_row("1=1", "No.", INFO)) == ["1=1", *[""] * 9, "net", "No."]
    [row] = said(1 / 3, roll=-7.0)
    assert verdict.cells(row) == [
        "a.png", "1", "1", "3 5 90 92", "-7.0", "fake", "0.333333", "false", "false", "", "net", "",
    ]  # fmt: skip
    assert verdict.to_csv([verdict.error_row('a "b"\udcff', "No.", INFO)]).endswith(
        b'\n"a ""b""\xff",,,,,,,,,,net,No.\r\n'
    )


def test_a_box_is_a_faces_place_in_the_photo_within_its_borders():
    face = Face((10.5, 20.49, 109.6, 220.0), 1.0, {})
    assert verdict._in_photo(face, 7, 9, 1000, 1000) == (18, 29, 117, 229)
    assert verdict._in_photo(face, 7, 9, 100, 200) == (18, 29, 100, 200)
    assert verdict._in_photo(Face((-5.0, -6.0, 4.0, 4.0), 1.0, {}), 7, 9, 100, 200) == (7, 9, 11, 13)


def test_faces_are_numbered_and_small_ones_get_advice(monkeypatch):
    least = FACTS["tiny"]
    eyes = {"right_eye": (10.0, 20.0), "left_eye": (30.0, 40.0)}
    found = [Face((0.0, 0.0, width, width), 1.0, eyes) for width in (float(least), least - 0.5)]
    monkeypatch.setattr(verdict, "trim", lambda pixels: (1, 2, 300, 301))
    monkeypatch.setattr(verdict, "find_faces", lambda pixels: found)
    monkeypatch.setattr(verdict, "is_aligned", lambda pixels, face: False)
    monkeypatch.setattr(verdict, "cut", lambda pixels, face: pixels[: int(face.width)])
    photo = np.zeros((400, 400, 3), np.uint8)
    large, small = verdict.face_views(photo)
    assert (large.face, large.faces, large.tiny, large.advice, large.as_is) == (1, 2, False, None, False)
    assert (small.face, small.faces, small.tiny) == (2, 2, True)
    assert small.advice == FACTS["advice"]["tiny"].format(pixels=least - 1)
    assert large.roll == pytest.approx(45)
    assert large.box == (1, 2, 1 + least, 2 + least) and large.pixels.shape == (least, 299, 3)

    # Whoever stands behind an aligned face is left out, and the picture is judged as it is within its borders.
    monkeypatch.setattr(verdict, "is_aligned", lambda pixels, face: face is found[1])
    [only] = verdict.face_views(photo)
    assert (only.face, only.faces, only.as_is, only.pixels.shape) == (1, 1, True, (299, 299, 3))
    [whole] = verdict.face_views(photo, as_is=True)
    assert whole == verdict.FaceView(1, 1, None, None, photo, True, None, False)
