"""Finding, checking and feeding a dataset."""

import collections
import contextlib
import dataclasses
import hashlib
import io
import json
import os
import shutil
import subprocess
import time

import keras
import numpy as np
import psutil
import pytest
from conftest import draw, encode, train_command, write_dataset
from PIL import Image
from test_agreement import kinds

from train import __main__, run
from train.chain.read import read_photo
from train.chain.resize import resize
from train.figures import evaluate
from train.networks import features, models
from train.photos import cache, data, decoded, feed, signals
from train.spec import RESIZE


def test_unreadable_files_are_listed_skipped_and_counted(tmp_path, capsys):
    root = write_dataset(tmp_path, {"train": 2, "valid": 1})
    bad = root / "train/real/000.jpg"
    bad.write_bytes(bad.read_bytes()[:200])
    photos = data.load_checked(root, ("train", "valid"))
    assert len(photos) == 5
    error = capsys.readouterr().err
    assert f"skipped {bad}: The picture is damaged" in error
    assert "skipped 1 unreadable of 6 files" in error


def test_an_empty_class_is_refused(tmp_path):
    root = write_dataset(tmp_path, {"train": 1, "valid": 1})
    (root / "valid/real/000.jpg").unlink()
    with pytest.raises(data.DataError, match="split valid: the class real has no readable image"):
        data.load_checked(root, ("train", "valid"))


def test_one_image_in_two_splits_is_refused_unless_allowed(tmp_path, capsys):
    root = write_dataset(tmp_path, {"train": 2, "valid": 2})
    shutil.copy(root / "train/real/000.jpg", root / "valid/real/copy.jpg")
    with pytest.raises(data.DataError, match="1 images are in two splits, so test figures would be") as refused:
        data.load_checked(root, ("train", "valid"))
    assert "train/real/000.jpg" in str(refused.value) and "valid/real/copy.jpg" in str(refused.value)
    capsys.readouterr()
    assert len(data.load_checked(root, ("train", "valid"), allow_duplicates=True)) == 9
    assert "WARNING: 1 images are in two splits" in capsys.readouterr().err


def test_one_image_in_both_classes_is_refused(tmp_path):
    root = write_dataset(tmp_path, {"train": 2})
    shutil.copy(root / "train/real/000.jpg", root / "train/fake/copy.jpg")
    with pytest.raises(data.DataError, match="1 images are in both classes, so one of the two labels is wrong"):
        data.load_checked(root, ("train",))
    assert len(data.load_checked(root, ("train",), allow_duplicates=True)) == 5


def test_what_is_missing_is_named(tmp_path):
    root = write_dataset(tmp_path / "set", {"train": 1})
    with pytest.raises(
        data.DataError, match="set: no split valid, test; there is train. Add what is missing, or pass "
    ):
        data.load_checked(root, ("train", "valid", "test"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(data.DataError, match="empty: no images in fake or real folders.$"):
        data.load_checked(root, ("train",), [(tmp_path / "empty", 1.0)])


def test_an_empty_split_is_refused_before_anything_is_trained(tmp_path):
    root = write_dataset(tmp_path, {"train": 1, "valid": 1})
    for name in ("real", "fake"):
        (root / "test" / name).mkdir(parents=True)
    with pytest.raises(data.DataError, match="split test: the class fake has no readable image"):
        data.load_checked(root, ("train", "valid"), optional=("test",))


@pytest.mark.parametrize(
    "copy",
    [
        lambda image: encode(image, "JPEG", quality=40),
        lambda image: encode(image.resize((128, 128)), "PNG"),
        lambda image: encode(image.crop((12, 12, 244, 244)), "JPEG", quality=85),
    ],
)
def test_a_copy_of_other_quality_size_or_cut_raises_a_warning(tmp_path, capsys, copy):
    root = write_dataset(tmp_path, {"train": 2, "valid": 2}, size=256)
    data.load_checked(root, ("train", "valid"))
    assert "look like training images" not in capsys.readouterr().err
    (root / "valid/real/copy.jpg").write_bytes(copy(Image.open(root / "train/real/000.jpg")))
    data.load_checked(root, ("train", "valid"))
    error = capsys.readouterr().err
    assert "WARNING: 1 images of other splits look like training images, cut or stored again" in error
    assert f"{root}/train/real/000.jpg = {root}/valid/real/copy.jpg" in error


def test_what_is_no_file_is_one_unreadable_photo_each(tmp_path, capsys):
    root = write_dataset(tmp_path, {"train": 2})
    (root / "train/real/folder.jpg").mkdir()
    (root / "train/real/gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert len(data.load_checked(root, ("train",))) == 4
    error = capsys.readouterr().err
    assert f"skipped {root}/train/real/gone.jpg: There is no such file." in error


def test_every_picture_that_is_read_says_how_it_is_stored(tmp_path):
    """Pillow alone refuses some of these, for damage that no pixel needs."""
    for name, content in kinds().items():
        (tmp_path / name).write_bytes(content)
        found = data.inspect(data.Photo(str(tmp_path / name), "train", 1))
        assert not found.error and found.header and all(found.size) and found.look, name


def test_names_that_are_no_utf8_are_names_too(tmp_path, monkeypatch):
    root = write_dataset(tmp_path / "set", {"train": 2})
    (root / "train/real/000.jpg").rename(os.fsdecode(os.fsencode(root) + b"/train/real/caf\xe9.jpg"))
    first = data.load_checked(root, ("train",))
    monkeypatch.setattr(data, "inspect", None)  # The second time, all comes from the cache.
    assert data.load_checked(root, ("train",)) == first and len(first) == 4
    evaluate.write_scores(tmp_path, "train", first, np.zeros(4))
    assert b"real/caf\xe9.jpg,real,0" in (tmp_path / "scores-train.csv").read_bytes()
    assert os.fsdecode(b"real/caf\xe9.jpg") in [row["file"] for row in run.read_csv(tmp_path / "scores-train.csv")]


def test_a_file_is_read_once_and_again_after_a_change(tmp_path, monkeypatch):
    root = write_dataset(tmp_path / "set", {"train": 2})
    read = []
    inspect = data.inspect
    monkeypatch.setattr(data, "inspect", lambda photo: read.append(photo.path) or inspect(photo))
    first = data.scan(data.list_photos(root / "train", "train"))
    assert len(read) == 4
    again = data.scan(data.list_photos(root / "train", "valid"))
    assert len(read) == 4 and [data.dataclasses.replace(photo, split="train") for photo in again] == first

    path = root / "train/real/001.jpg"
    before = path.stat()
    content = encode(draw(64, 64, 77), "JPEG", quality=75)
    path.write_bytes(content + bytes(max(0, before.st_size - len(content))))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # The time is set back, as copying tools do.
    changed = data.scan(data.list_photos(root / "train", "train"))
    assert read[4:] == [str(path)]
    assert [one.path for one, other in zip(first, changed) if one != other] == [str(path)]


def test_a_broken_cache_costs_a_line_and_no_more(tmp_path, monkeypatch, capsys):
    root = write_dataset(tmp_path / "set", {"train": 1})
    monkeypatch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/files.db").write_bytes(b"no database" * 100)
    assert len(data.load_checked(root, ("train",))) == 2
    assert "files.db can't be used" in capsys.readouterr().err


def test_what_is_kept_may_be_read_by_whom_the_system_lets(tmp_path):
    before = os.umask(0o027)
    try:
        with pytest.raises(ValueError, match="half"), cache.written(tmp_path / "some/file") as file:
            file.write(b"x")
            raise ValueError("half")
        assert not [*(tmp_path / "some").iterdir()]
        cache.save(tmp_path / "some/file", numbers=np.arange(3))
    finally:
        os.umask(before)
    [path] = (tmp_path / "some").iterdir()
    assert (path.name, path.stat().st_mode & 0o777) == ("file", 0o640)


def test_clean_empties_the_cache(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path / "cache"))
    data.load_checked(write_dataset(tmp_path / "set", {"train": 1}), ("train",))
    assert (tmp_path / "cache/files.db").exists()
    assert __main__.main(["clean"]) == 0
    assert not (tmp_path / "cache").exists() and (tmp_path / "set").exists()
    assert "1 files deleted" in capsys.readouterr().out


def test_clean_leaves_what_it_did_not_make(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path))
    scanned = data.load_checked(write_dataset(tmp_path / "set", {"train": 2}), ("train",))
    decoded.cached_reader(scanned)
    signals.measure(scanned, "measuring")
    features.compute(models.custom(), scanned)
    (tmp_path / "thesis.txt").write_text("mine")
    assert __main__.main(["clean"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"set", "thesis.txt"}


def test_without_a_folder_to_write_to_nothing_is_decoded_beforehand(dataset, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path / "file"))
    photos = data.load_checked(dataset, ("train",))
    assert decoded.cached_reader(photos) is read_photo
    assert "not cached: " in capsys.readouterr().out


@pytest.mark.parametrize(("extra", "sentence"), [("nowhere", "no such folder"), ("nowhere:2", "nowhere: no such")])
def test_a_missing_source_is_refused(dataset, tmp_path, capsys, extra, sentence):
    argv = ["fit", "custom", "--data", dataset, "--out", tmp_path / "run", "--extra", tmp_path / extra]
    assert __main__.main([*map(str, argv)]) == 2
    assert sentence in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("attribute", "content"),
    [
        ("size", encode(draw(80, 64), "JPEG", quality=75)),
        ("mode", encode(draw(64, 64).convert("L"), "JPEG", quality=75)),
        ("quality", encode(draw(64, 64), "JPEG", quality=90)),
        ("header", encode(draw(64, 64), "JPEG", quality=75, progressive=True)),
    ],
)
def test_classes_that_are_stored_differently_raise_a_warning(tmp_path, capsys, attribute, content):
    root = write_dataset(tmp_path, {"train": 2})
    assert data.load_checked(root, ("train",))
    assert "WARNING" not in capsys.readouterr().err
    (root / "train/real/000.jpg").write_bytes(content)
    data.load_checked(root, ("train",))
    assert f"WARNING: the classes differ in {attribute} for 50%" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (encode(draw(32, 32), "JPEG", quality=75), "JPEG 4:2:0 APP0 baseline"),
        (encode(draw(32, 32), "JPEG", subsampling="4:2:2"), "JPEG 4:2:2 APP0 baseline"),
        (encode(draw(32, 32), "JPEG", subsampling="4:4:4", exif=b"Exif\0\0"), "JPEG 4:4:4 APP0 APP1 baseline"),
        (encode(draw(32, 32).convert("L"), "JPEG", progressive=True), "JPEG grey APP0 progressive"),
        (encode(draw(32, 32), "PNG", dpi=(72, 72)), "PNG dpi"),
    ],
)
def test_a_header_tells_the_program_that_wrote_a_file(content, expected):
    with Image.open(io.BytesIO(content)) as image:
        assert data.header(image) == expected


def test_each_source_is_shown_by_its_share_of_an_epoch_and_how_it_is_stored(tmp_path):
    root = write_dataset(tmp_path / "main", {"train": 3})
    other = tmp_path / "other/fake"
    other.mkdir(parents=True)
    for index in range(2):
        (other / f"{index}.png").write_bytes(encode(draw(40, 30, 90 + index), "PNG"))
    rows = data.by_source(data.load_checked(root / "train/..", ("train",), [(other / "..", 2.0)]))
    assert [(row["source"], row["class"], row["images"], row["share of an epoch"]) for row in rows] == [
        ("main", "fake", "3", "30%"),
        ("main", "real", "3", "30%"),
        ("other", "fake", "2", "40%"),
    ]
    assert rows[2]["size"] == "(40, 30) (100%)" and rows[2]["header"] == "PNG (100%)"
    assert rows[0]["quality"] == "75 (100%)" and rows[0]["header"] == "JPEG 4:2:0 APP0 baseline (100%)"


@pytest.mark.parametrize("quality", [30, 50, 70, 75, 80, 90, 95, 100])
def test_jpeg_quality_is_recovered(tmp_path, quality):
    path = tmp_path / "a.jpg"
    path.write_bytes(encode(draw(32, 32), "JPEG", quality=quality))
    with Image.open(path) as image:
        assert data.jpeg_quality(image.quantization[0]) == pytest.approx(quality, abs=1)


def test_the_fingerprint_follows_content_and_label_alone(tmp_path):
    def fingerprint(root):
        return data.fingerprint(data.load_checked(root, ("train",)))

    a = write_dataset(tmp_path / "a", {"train": 2})
    shutil.copytree(a, tmp_path / "b")
    (tmp_path / "b/train/real/000.jpg").rename(tmp_path / "b/train/real/renamed.jpg")
    assert fingerprint(a) == fingerprint(tmp_path / "b")
    assert fingerprint(a)["counts"] == {"train/fake": 2, "train/real": 2}

    real, fake = tmp_path / "b/train/real/001.jpg", tmp_path / "b/train/fake/001.jpg"
    swap = real.read_bytes()
    real.write_bytes(fake.read_bytes())
    fake.write_bytes(swap)
    assert fingerprint(a) != fingerprint(tmp_path / "b")
    json.dumps(fingerprint(a))


def images_of(batches):
    return np.concatenate([pixels for pixels, _ in batches])


def test_validation_is_fed_in_order_and_unchanged(tmp_path):
    photos = data.list_photos(write_dataset(tmp_path, {"valid": 4}, size=32) / "valid", "valid")
    (pixels, labels), *_ = feed.batches(photos, batch_size=100)
    assert labels[:, 0].tolist() == [photo.label for photo in photos]
    expected = np.stack([read_photo(photo.path) for photo in photos])
    # 32 to 224 pixels, half-pixel centres: every seventh output pixel sits on the middle of an input pixel.
    np.testing.assert_allclose(pixels[:, 3::7, 3::7], expected, atol=1e-3)


@pytest.mark.parametrize(("shape", "size"), [((64, 64), 224), ((224, 224), 224), ((300, 200), 256), ((1, 5), 8)])
def test_resizing_is_that_of_the_networks(shape, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    expected = np.asarray(keras.layers.Resizing(size, size, interpolation=RESIZE)(pixels.astype("float32")))
    np.testing.assert_allclose(resize(pixels, size), expected, atol=1e-3)
    window = resize(pixels, size, slice(1, 6), slice(3, 8))
    np.testing.assert_array_equal(window, resize(pixels, size)[1:6, 3:8])


def test_epochs_follow_one_another(dataset):
    photos = data.list_photos(dataset / "train", "train")
    several = images_of(feed.batches(photos, 7, training_seed=(0, 3), epochs=2))
    alone = [images_of(feed.batches(photos, 7, training_seed=(0, epoch))) for epoch in (3, 4)]
    np.testing.assert_array_equal(several, np.concatenate(alone))


def test_worker_processes_feed_the_same(dataset):
    photos = data.list_photos(dataset / "train", "train")
    how = {"training_seed": (0, 0), "augmentation": feed.Augmentation(zoom=0.2, crop=50, degrade=0.5), "epochs": 2}
    with contextlib.closing(iter(feed.batches(photos, 7, 64, workers=2, **how))) as batches:
        pixels, labels = map(np.concatenate, zip(*batches))
    same = list(feed.batches(photos, 7, 64, **how))
    np.testing.assert_array_equal(pixels, np.concatenate([some for some, _ in same]))
    np.testing.assert_array_equal(labels, np.concatenate([some for _, some in same]))


def test_no_worker_outlives_a_killed_training(dataset, tmp_path):
    options = ("--data", dataset, "--out", tmp_path / "run", "--epochs", 50, "--batch-size", 8, "--workers", 1)
    options += ("--filters", 2, "--dense-units", 2)
    process = train_command("fit", "custom", *options, stderr=subprocess.DEVNULL)
    while not (tmp_path / "run/history.csv").exists() and process.poll() is None:
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert children and not psutil.wait_procs(children, timeout=60)[1]


def test_training_is_shuffled_and_flipped_by_seed_and_epoch(dataset):
    photos = data.list_photos(dataset / "train", "train")
    plain = images_of(feed.batches(photos, 7))
    first = images_of(feed.batches(photos, 7, training_seed=(0, 0)))
    np.testing.assert_array_equal(first, images_of(feed.batches(photos, 7, training_seed=(0, 0))))
    assert not np.array_equal(first, images_of(feed.batches(photos, 7, training_seed=(0, 1))))

    same = [(plain == image).all((1, 2, 3)).any() for image in first]
    mirrored = [np.isclose(plain[:, :, ::-1], image, atol=1e-3).all((1, 2, 3)).any() for image in first]
    assert all(np.logical_xor(same, mirrored))
    assert 0 < sum(mirrored) < len(photos)


def test_flips_can_be_left_out(dataset):
    photos = data.list_photos(dataset / "train", "train")
    flipped = images_of(feed.batches(photos, 7, training_seed=(0, 0)))
    upright = images_of(feed.batches(photos, 7, training_seed=(0, 0), augmentation=feed.Augmentation(flip=False)))
    order = feed.draw(photos, np.random.default_rng((0, 0)))
    np.testing.assert_array_equal(upright, images_of(feed.batches([photos[i] for i in order], 7)))
    assert not np.array_equal(upright, flipped)


def test_labels_follow_the_shuffled_images(dataset):
    photos = data.list_photos(dataset / "train", "train")
    plain = images_of(feed.batches(photos, 7))
    for pixels, labels in feed.batches(photos, 7, training_seed=(3, 1)):
        for image, label in zip(pixels, labels):
            found = [np.isclose(plain, view, atol=1e-3).all((1, 2, 3)) for view in (image, image[:, ::-1])]
            assert photos[int(np.argmax(found[0] | found[1]))].label == label[0]


def test_zoom_cuts_away_no_more_than_asked():
    places = np.stack([*np.mgrid[:200, :200], np.zeros((200, 200))], axis=-1).astype(np.uint8)
    how = feed.Augmentation(flip=False, zoom=0.2)
    views = [feed.augmented(places, 200, how, np.random.default_rng(seed)) for seed in range(40)]
    cut_away = [199 - float(np.ptp(view[..., axis])) for view in views for axis in (0, 1)]
    assert 0 <= min(cut_away) < 5 and 35 < max(cut_away) <= 40


def test_crops_are_windows_of_the_photo(dataset):
    photos = data.list_photos(dataset / "train", "train")
    augmentation = feed.Augmentation(flip=False, crop=100)
    crops = images_of(feed.batches(photos, 7, training_seed=(0, 0), augmentation=augmentation))
    order = feed.draw(photos, np.random.default_rng((0, 0)))
    wholes = images_of(feed.batches([photos[i] for i in order], 7))
    corners = set()
    for crop, whole in zip(crops, wholes):
        windows = np.lib.stride_tricks.sliding_window_view(whole[..., 0], (100, 100))
        found = np.argwhere((windows[:, :, ::9, ::9] == crop[::9, ::9, 0]).all((2, 3)))
        assert any(np.array_equal(whole[y : y + 100, x : x + 100], crop) for y, x in found)
        corners.add(tuple(found[0]))
    assert len(corners) > len(photos) / 2


def test_a_share_of_the_images_is_degraded(dataset):
    photos = data.list_photos(dataset / "train", "train")
    plain, some = (
        images_of(feed.batches(photos, 7, training_seed=(0, 0), augmentation=feed.Augmentation(degrade=share)))
        for share in (0, 0.5)
    )
    assert 4 < (np.abs(plain - some).mean((1, 2, 3)) > 0).sum() < 20


def test_an_epoch_shows_each_image_as_often_as_its_weight_says(dataset):
    photos = data.list_photos(dataset / "train", "train")
    photos = [dataclasses.replace(photo, weight=2.5 if photo.label else 0.5) for photo in photos]
    assert feed.epoch_size(photos) == 36
    times = np.bincount(feed.draw(photos, np.random.default_rng(1)), minlength=24)
    assert times.sum() == 36 and set(times[:12]) == {0, 1} and set(times[12:]) == {2, 3}


def test_another_sources_splits_join_those_of_the_set(tmp_path, dataset):
    photos = data.load_checked(dataset, ("valid",), [(dataset, 3.0)], allow_duplicates=True)
    assert collections.Counter((photo.split, photo.weight) for photo in photos) == {
        ("valid", 1.0): 8, ("train", 3.0): 24, ("valid", 3.0): 8,
    }  # fmt: skip


def test_other_labels_follow_the_images_too(dataset):
    photos = data.list_photos(dataset / "train", "train")
    soft = np.linspace(0.1, 0.9, len(photos), dtype="float32")[:, None]
    got = [float(label) for _, labels in feed.batches(photos, 7, training_seed=(0, 0), labels=soft) for label in labels]
    assert got == soft[feed.draw(photos, np.random.default_rng((0, 0))), 0].tolist()


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """Photos of several sizes, one of them turned and one stored twice, and an empty cache."""
    monkeypatch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path / "cache"))
    root = write_dataset(tmp_path / "set", {"train": 3})
    (root / "train/real/small.png").write_bytes(encode(draw(30, 20, 90), "PNG"))
    exif = Image.Exif()
    exif[0x0112] = 6
    (root / "train/real/turned.jpg").write_bytes(encode(draw(50, 40, 91), "JPEG", quality=75, exif=exif))
    shutil.copy(root / "train/real/000.jpg", root / "train/real/copy.jpg")
    return data.scan(data.list_photos(root / "train", "train"))


def test_decoded_images_say_their_size_and_change_nothing(mixed, capsys):
    read = decoded.cached_reader(mixed)
    need = 3 * (6 * 64 * 64 + 30 * 20 + 50 * 40)
    assert f"decoding 8 images into {cache.folder()}/pixels-" in capsys.readouterr().out
    assert sum(file.stat().st_size for file in read.files) == need
    for photo in mixed:
        np.testing.assert_array_equal(read(photo.path), read_photo(photo.path))
    np.testing.assert_array_equal(images_of(feed.batches(mixed, 3)), images_of(feed.batches(mixed, 3, read=read)))
    with contextlib.closing(iter(feed.batches(mixed, 3, read=read, training_seed=(0, 0), workers=1))) as batches:
        fed = images_of(batches)
    np.testing.assert_array_equal(fed, images_of(feed.batches(mixed, 3, training_seed=(0, 0))))


def test_images_are_decoded_once_whatever_they_are_called(mixed, tmp_path, monkeypatch, capsys):
    first = decoded.cached_reader(mixed)
    capsys.readouterr()
    monkeypatch.setattr(decoded, "read_photo", None)
    (tmp_path / "set").rename(tmp_path / "moved")
    moved = [dataclasses.replace(photo, path=photo.path.replace("/set/", "/moved/")) for photo in mixed]
    again = decoded.cached_reader(moved)
    assert capsys.readouterr().out == ""
    for photo, other in zip(mixed, moved):
        np.testing.assert_array_equal(first(photo.path), again(other.path))


def test_decoding_that_was_interrupted_goes_on(mixed, monkeypatch):
    read_so_far = []

    def interrupted(content):
        if len(read_so_far) == 4:
            raise KeyboardInterrupt
        read_so_far.append(content)
        return read_photo(content)

    monkeypatch.setattr(decoded, "read_photo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        decoded.cached_reader(mixed)
    kept = {*cache.folder().rglob("*.pixels")}
    assert kept and not list(cache.folder().rglob("*.partial"))
    before = {path: path.stat().st_mtime_ns for path in kept}
    monkeypatch.setattr(decoded, "read_photo", read_photo)
    read = decoded.cached_reader(mixed)
    assert kept < {*read.files} and before == {path: path.stat().st_mtime_ns for path in kept}
    for photo in mixed:
        np.testing.assert_array_equal(read(photo.path), read_photo(photo.path))


def test_a_photo_that_changes_meanwhile_is_refused(mixed):
    shutil.copy(mixed[0].path, mixed[1].path)
    with pytest.raises(data.DataError, match=f"{mixed[1].path} was changed while it was being read"):
        decoded.cached_reader(mixed)


def test_images_that_the_disk_has_no_room_for_are_not_decoded(mixed, capsys, monkeypatch):
    monkeypatch.setattr(decoded.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    assert decoded.cached_reader(mixed) is read_photo
    assert "not cached: the images take 0.00 GB decoded" in capsys.readouterr().out
    assert not list(cache.folder().rglob("*.pixels"))


def test_another_source_may_have_one_class_or_none(tmp_path, dataset, capsys):
    assert {photo.label for photo in data.check_source(dataset / "test")} == {0, 1}
    (tmp_path / "fakes/fake").mkdir(parents=True)
    shutil.copy(dataset / "test/fake/000.jpg", tmp_path / "fakes/fake")
    assert [photo.label for photo in data.check_source(tmp_path / "fakes")] == [0]
    assert [photo.label for photo in data.check_source(dataset / "test/real")] == [1] * 4
    assert [photo.label for photo in data.check_source(dataset / "test/fake")] == [0] * 4
    (tmp_path / "Fake/more").mkdir(parents=True)
    shutil.copy(dataset / "test/real/000.jpg", tmp_path / "Fake")
    (tmp_path / "Fake/notes.txt").touch()
    assert [photo.label for photo in data.check_source(tmp_path / "Fake/more/..")] == [0]
    assert f"left out of {tmp_path}/Fake/more/..: 1 .txt\n" in capsys.readouterr().err
    with pytest.raises(data.DataError, match="nothing: no such folder"):
        data.check_source(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(data.DataError, match="empty: no readable image in it"):
        data.check_source(tmp_path / "empty")
    with pytest.raises(data.DataError, match="fake and real are nested deeper; pass the folder that they are in"):
        data.check_source(dataset)  # All of it was taken for real photos.


def photo(path: str, label: int, sha256: str, **own) -> data.Photo:
    return data.Photo(path, "train", label, sha256, **own)


def test_the_fingerprint_is_of_sorted_lines():
    photos = [photo("b", 1, "y"), photo("a", 0, "x"), dataclasses.replace(photo("c", 1, "z"), split="")]
    lines = b"/real/z\ntrain/fake/x\ntrain/real/y"
    found = data.fingerprint(photos)
    assert [*found["counts"].items()] == [("real", 1), ("train/fake", 1), ("train/real", 1)]
    assert found["sha256"] == hashlib.sha256(lines).hexdigest()


def test_a_subset_takes_the_first_of_each_class_by_their_content():
    photos = [photo(name, int(name[0] == "r"), sha256) for name, sha256 in zip("r0 f0 r1 f1 r2".split(), "dbcae")]
    for count, expected in ((2, "f1 r1"), (3, "f1 r1"), (4, "f1 f0 r1 r0"), (5, "f1 f0 r1 r0")):
        assert [one.path for one in data.balanced_subset(photos, count)] == expected.split()
    with pytest.raises(data.DataError, match="^6 training images need 3 fake ones; there are 2.$"):
        data.balanced_subset(photos, 6)
    with pytest.raises(data.DataError, match="^1 training image can't show both classes; take 2 or more.$"):
        data.balanced_subset(photos, 1)


def test_few_images_are_divided_too_and_unreadable_ones_count_for_training():
    photos = [photo(f"{index}.jpg", index % 2, str(index)) for index in range(10)]
    split_of = {one.path: one.split for one in data.divided([*photos, photo("x.jpg", 0, "x", error="No.")], 0)}
    assert split_of.pop("x.jpg") == "train"
    for label in (0, 1):  # Of five, the ends are at 4, 4.5 and 5.
        splits = [split for path, split in split_of.items() if int(path[0]) % 2 == label]
        assert sorted(splits) == ["train"] * 4 + ["valid"]


def test_many_images_are_divided_eight_to_one_to_one_in_each_class():
    photos = [photo(f"{index}.jpg", index % 2, str(index)) for index in range(400)]
    counts = collections.Counter((one.split, one.label) for one in data.divided(photos, 0))
    assert counts == {(split, label): n for split, n in zip(data.SPLITS, (160, 20, 20)) for label in (0, 1)}


@pytest.mark.parametrize(("reals", "is_said"), [(16, False), (15, True)])
def test_sixteen_of_one_class_to_twenty_of_the_other_are_balanced_and_fewer_are_not(reals, is_said, capsys):
    photos = [photo(f"{index}", int(index < reals), str(index)) for index in range(reals + 20)]
    assert data.check(photos, (), allow_duplicates=False) == photos
    expected = f"WARNING: split train is out of balance, 20 fake and {reals} real: "
    assert capsys.readouterr().err.startswith(expected) == is_said


@pytest.mark.parametrize(("others", "is_said"), [(19, False), (21, True)])
def test_one_image_in_twenty_may_be_stored_otherwise(others, is_said):
    photos = [photo("", label, "", mode="L" if label and n < others else "RGB") for label in (0, 1) for n in range(400)]
    said = [line.partition(" (")[0] for line in data.encoding_leaks(photos)]
    assert said == ["the classes differ in mode for 5% of the images"] * is_said
