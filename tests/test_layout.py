"""Finding a dataset's images as people have them."""

import itertools
import shutil
import tarfile
import zipfile

import pytest
from conftest import draw, encode, write_dataset

from train import __main__
from train.photos import data, layout


def counts(root, **options):
    photos = data.load_checked(root, ("train",), optional=("valid", "test"), **options)
    return data.fingerprint(photos)["counts"]


ONE_OF_EACH = {f"{split}/{name}": 1 for split in ("test", "train", "valid") for name in ("fake", "real")}


def test_the_kaggle_zip_and_its_folder_are_found(tmp_path):
    write_dataset(tmp_path / "archive/real_vs_fake/real-vs-fake", {"train": 1, "valid": 1, "test": 1})
    archive = shutil.make_archive(str(tmp_path / "kaggle"), "zip", tmp_path / "archive")
    for root in (tmp_path / "archive", tmp_path / "archive/real_vs_fake", tmp_path / "kaggle.zip"):
        splits = data.find_splits(root)
        assert list(splits) == ["train", "valid", "test"]
        photos = data.list_photos(splits["train"], "train")
        assert [(photo.path.split("/")[-2], photo.label) for photo in photos] == [("fake", 0), ("real", 1)]
    assert zipfile.is_zipfile(archive)


@pytest.mark.parametrize(
    ("splits", "classes"),
    [
        (("train", "valid", "test"), ("Fake", "Real")),
        (("Train", "Validation", "Test"), ("fake", "real")),
        (("training", "val", "testing"), ("FAKE", "REAL")),
    ],
)
def test_other_spellings_are_taken(tmp_path, splits, classes):
    root = write_dataset(tmp_path / "plain", {"train": 1, "valid": 1, "test": 1})
    other = tmp_path / "other/a/b/c/d"
    for split, own in zip(splits, layout.SPLITS):
        for name, own_name in zip(classes, ("fake", "real")):
            shutil.copytree(root / own / own_name, other / split / name)
    assert counts(tmp_path / "other") == ONE_OF_EACH


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("X.ZIP", "zip"),
        ("x.tar.gz", "gztar"),
        ("x.tgz", "gztar"),
        ("x.tar", "tar"),
        ("x.tar.bz2", "bztar"),
        ("x.tar.xz", "xztar"),
    ],
)
def test_archives_are_unpacked_once(tmp_path, name, format, capsys):
    root = write_dataset(tmp_path / "set", {"train": 1, "valid": 1, "test": 1})
    shutil.move(shutil.make_archive(str(tmp_path / "made"), format, root), tmp_path / name)
    assert counts(tmp_path / name) == ONE_OF_EACH
    folder = tmp_path / name.split(".")[0]
    assert {*tmp_path.iterdir()} == {root, tmp_path / name, folder}
    assert capsys.readouterr().out == ""
    (tmp_path / name).write_bytes(b"")  # Not read again.
    assert counts(tmp_path / name) == ONE_OF_EACH
    assert capsys.readouterr().out == f"{tmp_path / name} was unpacked before, to {folder}\n"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.zip", lambda whole: whole[: len(whole) // 2], "is damaged, cut off or not a .zip file"),
        ("x.zip", lambda whole: whole[:900] + bytes(90) + whole[990:], "is damaged, cut off or not a .zip file"),
        ("x.zip", lambda whole: b"\n<!DOCTYPE html><title>Log in</title>", "is a web page, not an archive"),
        ("x.tar.gz", lambda whole: whole[:300], "is damaged, cut off or not a .tar.gz file"),
        ("x.7z", lambda whole: whole, "is neither a folder nor one of .zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz."),
    ],
)
def test_damaged_archives_are_one_line(tmp_path, name, content, sentence, capsys):
    root = write_dataset(tmp_path / "set", {"train": 1})
    made = shutil.make_archive(str(tmp_path / "made"), "gztar" if ".tar" in name else "zip", root)
    with open(made, "rb") as file:
        (tmp_path / name).write_bytes(content(file.read()))
    assert __main__.main(["explore", "--data", str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "x").exists() and not (tmp_path / "x.partial").exists()


def test_an_archive_that_the_disk_can_t_take_leaves_nothing_behind(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as z:
        z.writestr("train/real/a.jpg", b"")
        z.writestr("long" * 100, b"")
    with pytest.raises(data.DataError, match=f"^{tmp_path}/x.zip can't be unpacked to {tmp_path}/x: .*name too long"):
        data.find_splits(tmp_path / "x.zip")
    assert [*tmp_path.iterdir()] == [tmp_path / "x.zip"]


def test_an_archive_writes_nothing_beside_its_folder(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as t:
        t.addfile(tarfile.TarInfo("../a.jpg"))
    with pytest.raises(data.DataError, match="outside the destination"):
        data.find_splits(tmp_path / "x.tar")
    assert [*tmp_path.iterdir()] == [tmp_path / "x.tar"]


def test_what_is_no_dataset_is_refused_with_what_is_there(tmp_path):
    with pytest.raises(data.DataError, match="set: no such folder or zip"):
        data.find_splits(tmp_path / "set")
    for name in ("train/cats/a.jpg", "train/cats/b.JPG", "train/cats/c", "note.txt", ".hidden/d.jpg"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).touch()
    with pytest.raises(data.DataError, match="set: no train/valid/test folder with fake and real folders") as refused:
        data.find_splits(tmp_path / "set")
    assert str(refused.value).endswith("It has . (1 .txt), train/cats (2 .jpg, 1 without an ending).")


def test_what_could_be_meant_in_two_ways_is_refused(tmp_path):
    for folder in ("one/train", "two/train", ".hidden/train"):
        (tmp_path / "several" / folder / "real").mkdir(parents=True)
    with pytest.raises(data.DataError, match="several holds 2 datasets; pass one of them: .*/one, .*/two\\."):
        data.find_splits(tmp_path / "several")
    for index in range(9):
        (tmp_path / f"undivided/{index}/real").mkdir(parents=True)
    with pytest.raises(data.DataError) as refused:
        data.find_splits(tmp_path / "undivided")
    eight = ", ".join(f"{tmp_path}/undivided/{index}" for index in range(8))
    assert str(refused.value) == f"{tmp_path}/undivided holds 9 datasets; pass one of them: {eight}."
    for split in ("val", "validation"):
        (tmp_path / "twice" / split / "real").mkdir(parents=True)
    with pytest.raises(data.DataError, match="twice: val and validation are both valid; keep one"):
        data.find_splits(tmp_path / "twice")
    for name in ("real/Train", "fake/Train", "fake/val"):
        (tmp_path / "turned" / name).mkdir(parents=True)
    with pytest.raises(data.DataError, match="fake holds Train, val: .* the classes inside the splits: Train/fake.$"):
        data.find_splits(tmp_path / "turned")


def test_a_dataset_may_lie_six_folders_down_and_no_deeper(tmp_path):
    for name, depth in (("six", 6), ("seven", 7)):
        folder = tmp_path.joinpath(name, *map(str, range(depth)))
        (folder / "Train/Real").mkdir(parents=True)
        if depth == 6:
            assert layout.find_splits(tmp_path / name) == {"train": folder / "Train"}
        else:
            with pytest.raises(data.DataError, match=r"It has 0/1/2/3/4/5/6/Train/Real \(empty\)\.$"):
                layout.find_splits(tmp_path / name)


def test_a_refusal_lists_eight_folders(tmp_path):
    for count in (8, 9):
        for name in range(count):
            (tmp_path / f"{name}").mkdir(exist_ok=True)
        listed = ", ".join(f"{name} (empty)" for name in range(8))
        with pytest.raises(data.DataError) as refused:
            layout.find_splits(tmp_path)
        assert str(refused.value).endswith(f"It has {listed}{', and more' if count == 9 else ''}.")


def test_images_are_told_by_their_endings(tmp_path):
    taken = ["a.jpg", "b.JPEG", "c.jfif", "d.Png", "e.webp", "f.gif", "g.avif"]
    for name in [*taken, "f.bmp", "g.bmp", "h.txt", "i", ".j.jpg"]:
        (tmp_path / name).touch()
    paths, left_out = layout.images(tmp_path)
    assert [path.name for path in paths] == taken
    assert layout.listed(left_out) in [
        "2 .bmp, " + ", ".join(rest)
        for rest in itertools.permutations(["1 .txt", "1 without an ending", "1 hidden files"])
    ]


def test_a_dataset_without_splits_is_divided_by_content(tmp_path):
    root = write_dataset(tmp_path / "set", {"train": 20})
    flat = (root / "train").rename(tmp_path / "flat")
    sentence = "flat holds fake and real images that are not divided into train, valid, test. Pass --split-seed 0"
    with pytest.raises(data.DataError, match=f"{sentence} to divide them 80%:10%:10% at random.$"):
        counts(flat)
    shares = {"test": 2, "train": 16, "valid": 2}
    expected = {f"{split}/{name}": n for split, n in shares.items() for name in ("fake", "real")}
    assert counts(flat, split_seed=0) == expected

    def of_test(seed):
        return {photo.sha256 for photo in data.load_checked(flat, ("test",), split_seed=seed)}

    first = of_test(0)
    assert of_test(1) != first
    (flat / "real/more").mkdir()
    for index, path in enumerate(sorted((flat / "real").glob("*.jpg"))):
        path.rename(flat / f"real/more/{90 - index}.jpg")
    assert of_test(0) == first
    shutil.copytree(flat, root / "train")
    with pytest.raises(data.DataError, match=r"is divided already \(train\); leave out --split-seed"):
        counts(root, split_seed=0)


def test_what_is_no_image_is_counted_and_hidden_folders_are_left_out(tmp_path, capsys):
    root = write_dataset(tmp_path, {"train": 2})
    real = root / "train/real"
    (real / "000.jpg").rename(real / "000.jfif")
    for name in ("a.bmp", "b.BMP", "noending", "._a.jpg"):
        (real / name).write_bytes(encode(draw(32, 32), "BMP"))
    (real / ".ipynb_checkpoints").mkdir()
    shutil.copy(real / "001.jpg", real / ".ipynb_checkpoints/001-checkpoint.jpg")
    assert counts(root) == {"train/fake": 2, "train/real": 2}
    line = f"left out of {real}: 2 .bmp, 1 hidden folders, 1 without an ending, 1 hidden files"
    assert sorted(line) == sorted(capsys.readouterr().err.splitlines()[0])  # In whatever order the folder lists them.


def test_linked_folders_are_followed_but_not_in_circles(tmp_path):
    root = write_dataset(tmp_path / "elsewhere", {"train": 2})
    (tmp_path / "set/train/real").mkdir(parents=True)
    (root / "train/real/001.jpg").rename(tmp_path / "set/train/real/001.jpg")
    (tmp_path / "set/train/fake").symlink_to(root / "train/fake")
    (tmp_path / "set/train/real/more").symlink_to(root / "train/real")
    (root / "train/real/back").symlink_to(tmp_path / "set/train/real")
    assert counts(tmp_path / "set") == {"train/fake": 2, "train/real": 2}
