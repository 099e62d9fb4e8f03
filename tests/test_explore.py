"""What `explore` finds in a dataset, and the page it writes."""

import base64
import io
import re
import shutil

import numpy as np
import pytest
from conftest import draw, encode, write_dataset
from matplotlib.figure import Figure
from PIL import Image

from train import __main__, html, run
from train.photos import cache, data, explore, signals


@pytest.fixture(scope="module")
def messy(tmp_path_factory):
    """A dataset that `fit` refuses: duplicates over splits and classes, a damaged file, an empty class."""
    root = write_dataset(tmp_path_factory.mktemp("messy"), {"train": 12, "valid": 2, "test": 2})
    shutil.copy(root / "train/real/000.jpg", root / "valid/real/copy.jpg")
    shutil.copy(root / "train/fake/001.jpg", root / "train/real/copy <b>.jpg")
    image = Image.open(root / "train/real/002.jpg").resize((128, 128))
    (root / "valid/real/again.jpg").write_bytes(encode(image.resize((64, 64)), "JPEG", quality=75))
    (root / "train/real/small.png").write_bytes(encode(draw(20, 30, 99), "PNG"))
    (root / "train/real/broken.jpg").write_bytes(b"no picture")
    for path in (root / "test/fake").iterdir():
        path.unlink()
    return root


@pytest.fixture(scope="module")
def explored(messy, tmp_path_factory):
    out = tmp_path_factory.mktemp("explored")
    assert __main__.main(["explore", "--data", str(messy), "--out", str(out)]) == 0
    return out


def test_what_fit_would_refuse_is_reported(messy, explored):
    with pytest.raises(data.DataError):
        data.load_checked(messy, data.SPLITS)
    numbers = run.read_json(explored, "explore.json")
    assert numbers["balance"] == [
        {"split": "train", "fake": 12, "real": 14, "unreadable": 1},
        {"split": "valid", "fake": 2, "real": 4, "unreadable": 0},
        {"split": "test", "fake": 0, "real": 2, "unreadable": 0},
    ]
    assert numbers["unreadable"] == [
        {
            "file": "train/real/broken.jpg",
            "error": "This is not a JPEG, PNG, WebP, GIF or AVIF picture; choose one of those.",
        }
    ]
    assert numbers["duplicates"] == {
        "groups": [
            ["train/fake/001.jpg", "train/real/copy <b>.jpg"],
            ["train/real/000.jpg", "valid/real/copy.jpg"],
        ],
        "across_splits": 1,
        "across_classes": 1,
    }
    assert numbers["lookalikes"] == [["train/real/002.jpg", "valid/real/again.jpg"]]
    assert numbers["storage"]["size"] == [
        {"size": "64 x 64", "fake": 14, "real": 19},
        {"size": "20 x 30", "fake": 0, "real": 1},
    ]
    assert numbers["storage"]["quality"] == [
        {"quality": 75, "fake": 14, "real": 19},
        {"quality": None, "fake": 0, "real": 1},
    ]
    found = "\n".join(numbers["findings"])
    assert "Split test has no readable image of fake" in found
    assert "Split valid is out of balance: 2 fake, 4 real" in found
    assert "2 images are there more than once: 1 of them in several splits, 1 in both classes" in found
    assert "1 images look like others of another split" in found
    assert "The classes differ in size" in found
    assert numbers["shown"] == {"split": "train", "images": {"fake": 12, "real": 14}}


def test_the_page_needs_no_other_file_and_escapes_names(explored):
    page = (explored / "explore.html").read_text()
    assert "train/real/copy &lt;b&gt;.jpg" in page and "copy <b>" not in page
    assert not re.search(r'(src|href)="(?!data:)|url\(|@import|<script', page)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 8  # Balance, two contact sheets, three channels, spectrum, difference.
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            assert min(image.size) > 200


def test_rough_fakes_differ_from_smooth_photos_in_high_frequencies_alone(dataset, tmp_path):
    """The drawn fakes have ten times the real ones' grain."""
    assert __main__.main(["explore", "--data", str(dataset), "--out", str(tmp_path)]) == 0
    numbers = run.read_json(tmp_path, "explore.json")
    assert numbers["findings"] == []
    spectrum = numbers["spectrum"]
    assert all(p < 0.01 for p in spectrum["test"]["p"][-40:])
    assert set(spectrum["test"]["fake_above_real"][-40:]) == {1.0}
    assert spectrum["test"]["p"][0] > 0.05
    assert spectrum["difference"]["mean"][-1] > 10
    assert spectrum["difference"]["low"][-1] < spectrum["difference"]["mean"][-1] < spectrum["difference"]["high"][-1]


def test_the_seed_chooses_the_faces(dataset):
    photos = data.list_photos(dataset / "train", "train") * 2  # 48 entries for 24 places.
    chosen, sheet = explore.contact_sheet(photos, 0)
    again, same = explore.contact_sheet(photos, 0)
    assert chosen == again and len(chosen) == 24
    np.testing.assert_array_equal(sheet, same)
    assert chosen != explore.contact_sheet(photos, 1)[0]
    assert sheet.shape == (4 * 128, 6 * 128, 3)
    expected = Image.open(chosen[7].path).resize((128, 128), Image.Resampling.BICUBIC)  # Second row, second place.
    np.testing.assert_array_equal(sheet[128:256, 128:256], np.asarray(expected))
    assert explore.contact_sheet(photos[:7], 0)[1].shape == (2 * 128, 6 * 128, 3)


def test_colour_histograms_are_shares_of_each_channel():
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[0, :, 0] = 255
    pixels[..., 2] = [4, 7, 8, 200]
    histogram = signals.colour_histogram(pixels)
    assert histogram.shape == (3, 64)
    assert histogram[0, 0] == histogram[0, 63] == 0.5
    assert histogram[1, 0] == 1
    assert [histogram[2, i] for i in (1, 2, 50)] == [0.5, 0.25, 0.25]


@pytest.mark.parametrize("shape", [(256, 256), (300, 400), (96, 128)])
def test_white_noise_has_a_flat_spectrum_of_its_variance(shape):
    noise = np.random.default_rng(0).normal(128, 20, shape)
    pixels = np.repeat(np.clip(np.rint(noise), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    spectrum = signals.power_spectrum(pixels)
    assert spectrum.shape == (128,)
    # The mean logarithm of exponentially distributed power is below that of its mean by Euler's constant.
    expected = 10 * np.log10(20**2) - 10 / np.log(10) * np.euler_gamma
    np.testing.assert_allclose(spectrum[8:].mean(), expected, atol=0.3)
    np.testing.assert_allclose(spectrum[32:], expected, atol=2)


def test_round_waves_stand_at_their_frequency():
    for cycles, pixels in ((0.25, 256), (0.125, 160)):
        place = np.arange(pixels) - pixels / 2
        waves = 127 + 100 * np.cos(2 * np.pi * cycles * np.hypot(place[:, None], place))
        spectrum = signals.power_spectrum(np.repeat(waves.astype(np.uint8)[..., None], 3, axis=2))
        assert (np.argmax(spectrum) + 1) / 256 == pytest.approx(cycles, abs=1 / 256)
    assert np.isfinite(signals.power_spectrum(np.full((1, 1, 3), 9, np.uint8))).all()


def test_the_comparison_finds_the_shifted_number_alone():
    random = np.random.default_rng(1)
    fake, real = random.normal(size=(60, 20)), random.normal(size=(50, 20))
    fake[:, 7] += 2
    fake[:, 9], real[:, 9] = 0, 0
    test = signals.compare(fake, real)
    assert [i for i, p in enumerate(test["p"]) if p < 0.05] == [7]
    assert test["fake_above_real"][7] == pytest.approx((fake[:, 7, None] > real[:, 7]).mean())
    assert (test["p"][9], test["fake_above_real"][9]) == (1, 0.5)


def test_one_class_alone_is_shown_without_a_comparison(tmp_path):
    root = write_dataset(tmp_path / "set", {"test": 2})
    shutil.rmtree(root / "test/fake")
    (root / "train/real").mkdir(parents=True)
    assert __main__.main(["explore", "--data", str(root), "--out", str(tmp_path)]) == 0
    numbers = run.read_json(tmp_path, "explore.json")
    assert numbers["shown"] == {"split": "test", "images": {"real": 2}}
    assert "Split train has no readable image of fake and real; add some before training." in numbers["findings"]
    assert "test" not in numbers["spectrum"] and "test" not in numbers["colour"]["channels"]["red"]
    assert "Do the classes differ?" not in (tmp_path / "explore.html").read_text()


def test_a_folder_without_any_readable_picture(tmp_path, capsys):
    (tmp_path / "set/train/real").mkdir(parents=True)
    arguments = ["explore", "--data", str(tmp_path / "set"), "--out", str(tmp_path)]
    assert __main__.main(arguments) == 2
    assert "set: no .avif, .gif, .jfif, .jpeg, .jpg, .png, .webp files in its class folders." in capsys.readouterr().err
    (tmp_path / "set/train/real/a.jpg").write_bytes(b"")
    assert __main__.main(arguments) == 0
    assert run.read_json(tmp_path, "explore.json")["shown"] == {"split": None, "images": {}}
    assert "Unreadable files" in (tmp_path / "explore.html").read_text()


def test_pages_escape_and_format_what_they_are_given():
    page = html.page(
        "<Title>",
        {
            "A & B": [
                html.text("1 < 2"),
                html.items(["<i>"]),
                html.table([{"n>": 1234, "x": 0.12345, "s": "<"}]),
                "<script>",
            ]
        },
    )
    assert "<title>&lt;Title&gt;</title>" in page and "<h2>A &amp; B</h2>" in page
    assert "<p>1 &lt; 2</p>" in page and "<li>&lt;i&gt;</li>" in page
    assert '<th class="number">n&gt;</th>' in page and '<td class="number">1,234</td>' in page
    assert '<td class="number">0.123</td><td>&lt;</td>' in page
    assert "\n&lt;script&gt;\n" in page  # Whatever did not come from these functions.
    assert 'alt="&#34;a&#34;"' in html.figure(Figure(), '"a"', "b")


def test_photos_are_measured_once(dataset, monkeypatch):
    photos = data.scan(data.list_photos(dataset / "valid", "valid"))
    first = signals.measure(photos, "first")
    monkeypatch.setattr(signals, "read_photo", None)
    for before, again in zip(first, signals.measure(photos, "again")):
        np.testing.assert_array_equal(before, again)
    monkeypatch.setattr(cache, "version", lambda *modules: "of other measures")
    with pytest.raises(TypeError):  # Read again.
        signals.measure(photos, "anew")


def test_what_was_measured_is_not_lost_where_it_can_t_be_kept(dataset, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path / "file"))
    photos = data.scan(data.list_photos(dataset / "valid", "valid"))
    colours, spectra = signals.measure(photos, "measuring")
    assert np.isfinite(spectra).all() and colours.sum(axis=2) == pytest.approx(1)
    assert "not cached: " in capsys.readouterr().err
