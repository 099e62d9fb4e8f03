"""Publishing on the Hub and fetching back, with the real client against a stand-in for the Hub on this machine."""

import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import hub_standin
import pytest
import yaml
from conftest import ROOT, draw
from hub_standin import Cut, Dropped, Hub, Refusal
from huggingface_hub import ModelCard, constants

import export.__main__ as export
import train.__main__ as train
from export.artifact import card
from train import run
from train.fitting import start

PUBLISHED = {
    ".gitattributes", "README.md", "SHA256SUMS", "config.json", "detector.json", "metadata.json",
    "model.tflite", "model.weights.h5",
    "run/config.json", "run/history.csv", "run/metrics.json", "run/plots/roc.png", "run/plots/training.png",
    "tfjs/detector.json", "tfjs/group1-shard1of1.bin", "tfjs/model.json",
}  # fmt: skip
PULLED = {
    "README.md", "SHA256SUMS", "config.json", "detector.json", "history.csv", "metrics.json",
    "model.keras", "model.tflite", "plots/roc.png", "plots/training.png",
    "tfjs/detector.json", "tfjs/group1-shard1of1.bin", "tfjs/model.json",
}  # fmt: skip
BOUND = 1e-5  # Between Keras and TensorFlow.js on the same float32 weights and pixels.


def in_own_process(*argv: str | Path, hub: Hub, home: Path, **env: str):
    """Run ``python -m export`` as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "export", *map(str, argv)],
        cwd=ROOT,
        env=environment(hub, home) | env,
        capture_output=True,
        text=True,
    )


def environment(hub: Hub, home: Path) -> dict[str, str]:
    return os.environ | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_TOKEN": hub_standin.TOKEN,
    }


@pytest.fixture
def hub():
    with Hub() as hub:
        yield hub


@pytest.fixture
def command(hub, tmp_path, monkeypatch, capsys):
    """Run ``python -m export`` in this process: command(argv...) -> (status, stdout, stderr).

    Sets what the client read from its environment at import, and lets it retry without waiting.
    """
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home/hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "home/token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", hub_standin.TOKEN)
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def command(*argv: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        status = export.main(list(map(str, argv)))
        out, err = capsys.readouterr()
        assert hub_standin.TOKEN not in out + err
        return status, out, err

    return command


def one_line(status: int, err: str) -> str:
    """The one line with which a command failed."""
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 2 and len(lines) == 1 and err.endswith(lines[0] + "\n") and "Traceback" not in err
    return lines[0]


@pytest.fixture(scope="module")
def published(tiny, tmp_path_factory):
    """A Hub that ``python -m export push`` has published the tiny run on, and the client's home folder."""
    home = tmp_path_factory.mktemp("home")
    with Hub() as hub:
        result = in_own_process("push", tiny, "--repo", "someone/tiny", hub=hub, home=home)
        assert result.returncode == 0, result.stderr
        assert hub_standin.TOKEN not in result.stdout + result.stderr
        hub.stdout = result.stdout
        yield hub, home


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_push_is_one_commit_of_just_these_files(published, tiny):
    hub, _ = published
    repository = hub.repositories["models/someone/tiny"]
    assert repository.titles == ["initial commit", "Upload tiny"]
    files = repository.files()
    assert files.keys() == PUBLISHED
    for name in ("config.json", "metrics.json", "history.csv", "plots/roc.png"):
        assert files[f"run/{name}"] == (tiny / name).read_bytes()
    assert b"This stays here." not in b"".join([*files.values(), *hub.storage.values()])
    assert f"pushed: {hub.url}/someone/tiny/commit/{repository.branches['main']}" in hub.stdout
    assert hub.leaks == []


def test_a_pull_gives_the_run_again_and_works_offline(published, tiny, tmp_path):
    hub, home = published
    commit = hub.repositories["models/someone/tiny"].branches["main"]
    result = in_own_process("pull", "--repo", "someone/tiny", "--out", tmp_path / "online/here", hub=hub, home=home)
    assert result.returncode == 0 and f"someone/tiny at {commit}, 15 files" in result.stdout, result.stderr
    files = files_of(tmp_path / "online/here")
    assert files.keys() == PULLED
    for name in ("config.json", "metrics.json", "history.csv", "plots/roc.png"):
        assert files[name] == (tiny / name).read_bytes()
    for name, digest in json.loads(files["detector.json"])["files"].items():
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert not any(path.is_symlink() for path in (tmp_path / "online/here").rglob("*"))
    sums = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path / "online/here")
    assert sums.returncode == 0

    before = len(hub.requests)
    argv = ("pull", "--repo", "someone/tiny", "--out", tmp_path / "offline")
    result = in_own_process(*argv, hub=hub, home=home, HF_HUB_OFFLINE="1")
    assert result.returncode == 0 and files_of(tmp_path / "offline").keys() == PULLED, result.stderr
    assert len(hub.requests) == before and hub.leaks == []


def test_what_was_pulled_is_a_run_again(published, hub, command, tiny, tmp_path):
    hub.repositories["models/someone/tiny"] = clone(published)
    assert command("pull", "--repo", "someone/tiny", "--out", tmp_path / "pulled")[0] == 0
    draw(300, 200, 1).save(tmp_path / "photo.png")
    for folder in (tiny, tmp_path / "pulled"):
        argv = ["predict", str(folder), str(tmp_path / "photo.png"), "--as-is"]
        argv += ["--csv", str(tmp_path / f"{folder.name}.csv")]
        assert train.main(argv) == 0
    assert (tmp_path / "tiny.csv").read_text() == (tmp_path / "pulled.csv").read_text()


def code(published, language: str) -> str:
    """The lines that the published card shows."""
    text = published[0].repositories["models/someone/tiny"].files()["README.md"].decode()
    [block] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return block


@pytest.fixture
def photo(tmp_path) -> Path:
    draw(300, 200, 2).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def expected_p_real(tiny: Path, photo: Path) -> float:
    from train.chain.read import read_photo

    return float(run.load_model(tiny)(read_photo(photo)[None].astype("float32"))[0, 0])


def test_the_cards_lines_of_python_run(published, tiny, photo):
    hub, home = published
    lines = code(published, "python")
    assert len(lines.split("\n\n")[1].strip().splitlines()) == 2
    assert 'keras.saving.load_model("hf://someone/tiny")' in lines
    result = subprocess.run(
        [sys.executable, "-c", lines + "print('P(real)=', p_real[0, 0], evidence.shape)"],
        cwd=photo.parent, env=environment(hub, home), capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found, shape = result.stdout.split("P(real)=")[1].split(maxsplit=1)
    assert shape.strip() == "(1, 56, 56, 1)"
    assert float(found) == pytest.approx(expected_p_real(tiny, photo), abs=BOUND)


def test_the_cards_lines_of_javascript_run(published, tiny, photo, playwright):
    """In Chromium, on a page of another origin than the Hub's, with the TensorFlow.js that web/ holds."""
    lines = code(published, "js")
    assert len(lines.strip().splitlines()) == 3
    options = ["--no-sandbox", "--disable-background-networking", "--no-first-run"]
    options.append("--disable-features=LocalNetworkAccessChecks")  # The real Hub is on no local network.
    body = "<img id=photo src=photo.png>"
    browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
    page = browser.new_page()
    page.route("http://page.test/", lambda route: route.fulfill(content_type="text/html", body=body))
    page.route("http://page.test/photo.png", lambda route: route.fulfill(path=photo))
    page.route("http://page.test/vendor/*", lambda route: route.fulfill(path=ROOT / "web" / route.request.url[17:]))
    page.goto("http://page.test/")
    for name in ("tf-core", "tf-converter", "tf-backend-wasm"):
        page.add_script_tag(url=f"/vendor/{name}.es2017.min.js")
    p_real = page.evaluate(f"""async () => {{
        tf.wasm.setWasmPaths('/vendor/');
        await tf.setBackend('wasm');
        const photo = document.getElementById('photo');
        {lines}
        return pReal;
    }}""")
    browser.close()
    assert p_real == pytest.approx(expected_p_real(tiny, photo), abs=BOUND)


def squeezed(text: str) -> str:
    """Without the spaces that make a table's columns equally wide."""
    return re.sub(" +", " ", text)


def test_the_cards_metadata_is_valid_and_says_what_was_measured(published, command, tiny):
    files = published[0].repositories["models/someone/tiny"].files()
    parsed = ModelCard(files["README.md"].decode())
    parsed.validate()
    info = json.loads(files["detector.json"])
    assert parsed.data.to_dict() == card.metadata(info).to_dict()
    assert (parsed.data.library_name, parsed.data.pipeline_tag) == ("keras", "image-classification")
    assert parsed.data.license == "cc-by-nc-sa-4.0"
    results = {(result.dataset_split, result.metric_type): result for result in parsed.data.eval_results}
    test = run.read_json(tiny, "metrics.json")["splits"]["test"]
    assert results["test", "accuracy"].metric_value == round(test["at_threshold"]["accuracy"], 4)
    assert results["validation", "roc_auc"].dataset_name == "drawn"

    low, high = test["at_threshold"]["accuracy_interval_95"]
    assert f"({low:.1%} to {high:.1%})" in parsed.text
    [[_, fake_wrong], [real_wrong, _]] = test["at_threshold"]["confusion_matrix"]
    assert f"it called {real_wrong} of 20 real photos fake, and {fake_wrong} of\n  20 fakes real" in parsed.text
    assert "| training | 13 | 12 |" in squeezed(parsed.text) and "A score is evidence, not proof." in parsed.text
    assert "## Robustness" not in parsed.text
    assert set(re.findall(r"!\[\w+\]\((.*?)\)", parsed.text)) == {"run/plots/roc.png", "run/plots/training.png"}


def test_the_card_shows_what_else_was_measured(published):
    info = json.loads(published[0].repositories["models/someone/tiny"].files()["detector.json"])
    info |= {
        "robustness": {
            "sizes": [256, 64],
            "files": ["PNG", "JPEG 50"],
            "grid": {"fake": [[0.9, 0.8], [0.7, 0.61]], "real": [[1.0, 0.98], [0.97, 0.96]]},
            "conditions": {"grey": {"accuracy": {"fake": 0.81, "real": 0.72}, "no_face": 0}},
        },
        "unsure": {"low": 0.4, "high": 0.6, "coverage": 0.75, "accuracy": 0.875, "measured_on": "test"},
        "temperature": 1.5,
        "extra": {
            "elsewhere": {
                "images": {"fake": 40, "real": 60}, "accuracy": {"fake": 0.75, "real": 0.9}, "all": {"roc_auc": 0.8},
            },
            "portraits": {"images": {"real": 100}, "accuracy": {"real": 0.5}},
        },
    }  # fmt: skip
    text = squeezed(card.model_card(info, "someone/tiny", "main").text)
    # Wilson's and Hanley and McNeil's formulas, worked out by hand.
    assert "| elsewhere | 100 | 75.0% (59.8% to 85.8%) | 90.0% (79.9% to 95.3%) | 0.800 (0.707 to 0.893) |" in text
    assert "| portraits | 100 | | 50.0% (40.4% to 59.6%) | |" in text
    assert "| grey | 0.81 | 0.72 |" in text
    assert "Of the fakes of `elsewhere` it missed 25.0%." in text
    assert "| 64 | 0.70 | 0.61 |" in text
    assert 'From P(real) 0.400 up to 0.600 the answer is "unsure".' in text
    assert "75.0% of the test images, 87.5%" in text
    assert "calibrated by Platt scaling" in text


def test_metadata_that_the_hub_refuses_stops_the_push(hub, command, tiny, monkeypatch):
    monkeypatch.setattr(card, "LICENSE", "no-licence")
    status, _, err = command("push", tiny, "--repo", "someone/tiny")
    assert '"license" must be one of' in one_line(status, err)
    assert hub.repositories["models/someone/tiny"].titles == ["initial commit"] and hub.storage == {}


def test_a_dry_run_lists_the_files_without_network(hub, command, tiny):
    status, out, _ = command("push", tiny, "--repo", "someone/tiny", "--space", "someone/app", "--dry-run")
    assert status == 0 and hub.requests == []
    listed = {name: int(size.replace(",", "")) for size, name in re.findall(r"^ +([\d,]+)  (\S+)$", out, re.MULTILINE)}
    assert listed.keys() > PUBLISHED - {".gitattributes"}
    assert listed["run/metrics.json"] == (tiny / "metrics.json").stat().st_size
    assert "app.py" in listed and not any("model/" in name or ".venv" in name for name in listed)


def test_a_second_push_removes_old_files_in_its_one_commit(hub, command, tiny, tmp_path):
    repository = prepare(hub, command, tiny)
    repository.write("old/left.over", b"old")
    shutil.copytree(tiny, tmp_path / "next")
    shutil.rmtree(tmp_path / "next/plots")
    assert command("push", tmp_path / "next", "--repo", "someone/tiny")[0] == 0
    assert repository.titles[-2:] == ["Change old/left.over", "Upload next"]
    assert repository.files().keys() == {name for name in PUBLISHED if not name.startswith("run/plots/")}


def prepare(hub, command, tiny, *options) -> hub_standin.Repository:
    """Publish the tiny run as someone/tiny."""
    status, _, err = command("push", tiny, *options, "--repo", "someone/tiny")
    assert status == 0, err
    return hub.repositories["models/someone/tiny"]


def test_further_runs_lie_in_folders_with_cards_of_their_own(hub, command, tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "second")
    repository = prepare(hub, command, tiny, tmp_path / "second")
    assert repository.titles == ["initial commit", "Upload tiny, second"]
    files = repository.files()
    folder = {f"second/{name}" for name in PUBLISHED - {".gitattributes", "SHA256SUMS"}}
    assert files.keys() == PUBLISHED | folder
    assert b"[second](second/README.md)" in files["README.md"]
    assert b'snapshot_download("someone/tiny", revision="main") + "/second/")' in files["second/README.md"]
    names = [json.loads(files[name])["name"] for name in ("detector.json", "second/tfjs/detector.json")]
    assert names == ["tiny", "second"]  # Of one network: their folders tell them apart.
    assert b"/resolve/main/second/tfjs/model.json'" in files["second/README.md"]
    assert command("pull", "--repo", "someone/tiny", "--out", tmp_path / "pulled")[0] == 0
    assert files_of(tmp_path / "pulled").keys() == PULLED | {f"second/{name}" for name in PULLED - {"SHA256SUMS"}}

    status, _, err = command("push", tiny, tmp_path / "second", tiny, "--repo", "someone/tiny")
    assert "The name tiny is already taken" in one_line(status, err)


def test_a_branch_is_made_when_missing_and_main_stays(hub, command, tiny, tmp_path):
    repository = prepare(hub, command, tiny, "--revision", "try/out")
    assert repository.files().keys() == {".gitattributes"}
    assert repository.files("try/out").keys() == PUBLISHED
    assert b'("someone/tiny", revision="try/out") + "/")' in repository.files("try/out")["README.md"]
    assert command("pull", "--repo", "someone/tiny", "--revision", "try/out", "--out", tmp_path / "pulled")[0] == 0
    status, _, err = command("pull", "--repo", "someone/tiny", "--out", tmp_path / "main")
    assert "someone/tiny holds no SHA256SUMS" in one_line(status, err)


def test_a_pull_request_changes_no_branch(hub, command, tiny, tmp_path):
    prepare(hub, command, tiny)
    before = hub.repositories["models/someone/tiny"].branches["main"]
    shutil.copytree(tiny, tmp_path / "next")
    status, out, _ = command("push", tmp_path / "next", "--repo", "someone/tiny", "--create-pr")
    assert status == 0 and f"pushed: {hub.url}/someone/tiny/discussions/1" in out
    repository = hub.repositories["models/someone/tiny"]
    assert repository.branches["main"] == before and repository.files("refs/pr/1").keys() == PUBLISHED
    status, _, err = command("push", tiny, "--repo", "someone/tiny", "--create-pr", "--revision", "other")
    assert "use --create-pr alone" in one_line(status, err)


def test_a_private_repository_stays_private(hub, command, tiny, tmp_path, monkeypatch):
    assert prepare(hub, command, tiny, "--private").private
    monkeypatch.delenv("HF_TOKEN")
    status, _, err = command("pull", "--repo", "someone/tiny", "--out", tmp_path / "pulled")
    assert "someone/tiny is private or not there (HTTP 401)" in one_line(status, err)


def test_private_does_not_publish_in_a_public_repository(hub, command, tiny):
    repository = prepare(hub, command, tiny)
    status, _, err = command("push", tiny, "--repo", "someone/tiny", "--private")
    assert "someone/tiny exists and is public" in one_line(status, err)
    assert len(repository.titles) == 2

    hub.repositories["spaces/someone/app"] = repository
    status, _, err = command("push", tiny, "--repo", "someone/other", "--private", "--space", "someone/app")
    assert "someone/app exists and is public" in one_line(status, err)
    assert hub.repositories["models/someone/other"].titles == ["initial commit"]


def test_the_space_serves_the_commit_just_made(hub, command, tiny, photo, tmp_path):
    """The pushed Space, alone in a folder, with the variable that was set for it, judges as Keras does."""
    repository = prepare(hub, command, tiny, "--space", "someone/app")
    space = hub.repositories["spaces/someone/app"]
    assert space.sdk == "gradio" and len(space.titles) == 2
    pinned = space.variables["DETECTOR_REPO"]["value"]
    assert pinned == f"someone/tiny@{repository.branches['main']}"
    commit = repository.branches["main"]
    repository.write("model.tflite", b"A later commit, which the Space must not load.")

    files = space.files()
    for name, content in files.items():
        (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / name).write_bytes(content)
    assert "app.py" in files and not any(name.startswith(("model/", ".venv")) for name in files)
    assert ModelCard(files["README.md"].decode()).data.to_dict()["models"] == ["someone/tiny"]
    front_matter = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert front_matter["preload_from_hub"] == [f"someone/tiny detector.json,model.tflite,tfjs/detector.json {commit}"]
    lines = """if True:
        import sys
        from detector import find_models, models_folder
        from chain.read import read_photo
        [detector] = find_models(models_folder()).values()
        p_real, evidence = detector.run(read_photo(sys.argv[1]))
        print('P(real)=', p_real, evidence.shape)
    """
    result = subprocess.run(
        [sys.executable, "-c", lines, photo], cwd=tmp_path / "app", capture_output=True, text=True,
        env=environment(hub, tmp_path / "spacehome") | {"DETECTOR_REPO": pinned},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found, shape = result.stdout.split("P(real)=")[1].split(maxsplit=1)
    assert shape.strip() == "(56, 56)"
    assert float(found) == pytest.approx(expected_p_real(tiny, photo), abs=BOUND)


@pytest.mark.parametrize(
    ("pattern", "refusal", "sentence"),
    [
        ("GET /api/whoami", Refusal(401, "Invalid username or password."), "run `hf auth login` or set HF_TOKEN"),
        ("GET /api/whoami", Refusal(429, headers={"Retry-After": "77"}), "(HTTP 429); try again in 77 seconds."),
        ("POST /api/repos/create", Refusal(403, "No rights"), "(HTTP 403); use one that may write there"),
        ("POST /api/models/.*/preupload", Refusal(429, headers={"Retry-After": "5"}), "try again in 5 seconds."),
        ("PUT /storage/", Refusal(503, "Slow down"), "The Hub answers HTTP 503 (Slow down); try again later."),
        ("POST /api/models/.*/commit/", Refusal(500, "Broken"), "The Hub answers HTTP 500 (Broken)"),
        ("PUT /storage/", Dropped(), "failed (Server disconnected without sending a response.); check the network"),
        ("POST /api/models/.*/commit/", Dropped(), "check the network and run the command again"),
    ],
)
def test_a_push_that_fails_commits_nothing_and_says_why(hub, command, tiny, pattern, refusal, sentence):
    hub.fail(pattern, refusal)
    status, out, err = command("push", tiny, "--repo", "someone/tiny")
    assert sentence in one_line(status, err)
    assert "pushed" not in out
    assert all(repository.titles == ["initial commit"] for repository in hub.repositories.values())


def test_a_push_survives_a_drop_and_a_request_to_wait(hub, command, tiny):
    hub.fail("PUT /storage/", Dropped(), times=1)
    hub.fail("POST /api/models/.*/preupload", Refusal(429, headers={"Retry-After": "1"}), times=1)
    assert prepare(hub, command, tiny).files().keys() == PUBLISHED


def test_a_push_without_a_right_token(hub, command, tiny, monkeypatch):
    status, _, err = command("push", tiny, "--repo", "stranger/tiny")
    assert "The token may not do this with stranger/tiny (HTTP 403)" in one_line(status, err)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    status, _, err = command("push", tiny, "--repo", "someone/tiny")
    assert "The Hub does not accept the token" in one_line(status, err) and "hf_wrong" not in err
    monkeypatch.delenv("HF_TOKEN")
    status, _, err = command("push", tiny, "--repo", "someone/tiny")
    assert "There is no token; run `hf auth login` or set HF_TOKEN" in one_line(status, err)
    assert hub.repositories == {}


def test_an_unfinished_run_is_not_pushed(hub, command, tiny, tmp_path):
    shutil.copytree(tiny, tmp_path / "bare")
    (tmp_path / "bare/metrics.json").unlink()
    status, _, err = command("push", tmp_path / "bare", "--repo", "someone/tiny")
    assert "python -m train evaluate" in one_line(status, err) and hub.repositories == {}


def pull(command, tmp_path, *options) -> str:
    """A pull that has to fail: its one line; nothing is left where it should have written."""
    (tmp_path / "into").mkdir(exist_ok=True)
    status, _, err = command("pull", "--repo", "someone/tiny", "--out", tmp_path / "into/here", *options)
    assert list((tmp_path / "into").iterdir()) == []
    return one_line(status, err)


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("model.weights.h5", b"\0 another network", "model.weights.h5 is not the file that SHA256SUMS lists"),
        ("tfjs/model.json", b"{}", "tfjs/model.json is not the file that SHA256SUMS lists"),
        ("run/plots/roc.png", None, "someone/tiny lacks run/plots/roc.png, which SHA256SUMS lists"),
        ("run_me.py", b"print()", "someone/tiny holds run_me.py, which SHA256SUMS does not list"),
        ("weights.h5", b"\0", "someone/tiny holds weights.h5, a kind of file that can run code"),
        ("tfjs/Model.PKL", b"\0", "someone/tiny holds tfjs/Model.PKL, a kind of file that can run code"),
        ("model.pt", b"\0", "someone/tiny holds model.pt, a kind of file that can run code"),
        ("SHA256SUMS", None, "someone/tiny holds no SHA256SUMS"),
        ("SHA256SUMS", b"0" * 64 + b"  ../../secret\n", "someone/tiny lacks ../../secret, which SHA256SUMS lists"),
        ("SHA256SUMS", b"\xff\xfe nonsense\n", "refused"),
    ],
)
def test_a_tampered_repository_is_refused_by_name(hub, command, tiny, tmp_path, published, path, content, sentence):
    hub.repositories["models/someone/tiny"] = clone(published)
    hub.repositories["models/someone/tiny"].write(path, content)
    assert sentence in pull(command, tmp_path)


def clone(published) -> hub_standin.Repository:
    original = published[0].repositories["models/someone/tiny"]
    return hub_standin.Repository(False, commits=dict(original.commits), branches=dict(original.branches))


def test_a_tampered_cache_is_refused(hub, command, tmp_path, published, monkeypatch):
    hub.repositories["models/someone/tiny"] = clone(published)
    assert command("pull", "--repo", "someone/tiny", "--out", tmp_path / "before")[0] == 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    [cached] = (tmp_path / "home/hub").rglob("snapshots/*/model.weights.h5")
    cached.resolve().write_bytes(b"another network")
    assert "model.weights.h5 is not the file that SHA256SUMS lists" in pull(command, tmp_path)
    cached.unlink()
    assert "someone/tiny is not whole in the cache" in pull(command, tmp_path)


@pytest.mark.parametrize(
    ("pattern", "refusal", "sentence"),
    [
        ("GET /api/models/", Refusal(429, headers={"Retry-After": "30"}), "(HTTP 429); try again in 30 seconds."),
        ("GET /api/models/.*/tree/", Refusal(429, headers={"Retry-After": "3"}), "try again in 3 seconds."),
        ("GET /api/models/", Refusal(502, "Bad gateway"), "The Hub answers HTTP 502 (Bad gateway)"),
        ("GET /api/models/", Dropped(), "check the network"),
        ("HEAD /someone/", Refusal(500), "The Hub answers HTTP 500"),
        ("GET /storage/", Dropped(), "check the network"),
        ("GET /storage/", Refusal(404, "Gone"), "HTTP 404"),
    ],
)
def test_a_pull_that_fails_leaves_nothing(hub, command, tmp_path, published, pattern, refusal, sentence):
    hub.repositories["models/someone/tiny"] = clone(published)
    hub.fail(pattern, refusal)
    assert sentence in pull(command, tmp_path)


def test_a_pull_goes_on_after_a_cut(hub, command, tmp_path, published):
    hub.repositories["models/someone/tiny"] = clone(published)
    hub.fail("GET /storage/", Cut(), times=2)
    assert command("pull", "--repo", "someone/tiny", "--out", tmp_path / "here")[0] == 0
    assert files_of(tmp_path / "here").keys() == PULLED


def test_what_is_not_there_is_named(hub, command, tmp_path, published):
    assert "someone/tiny is not on the Hub, or the token can't see it (HTTP 404)" in pull(command, tmp_path)
    hub.repositories["models/someone/tiny"] = clone(published)
    assert "someone/tiny has no such revision (HTTP 404)" in pull(command, tmp_path, "--revision", "v9")
    status, _, err = command("pull", "--repo", "a/b/c", "--out", tmp_path / "other")
    assert "a/b/c" in one_line(status, err)


def test_an_existing_folder_is_kept(hub, command, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    status, _, err = command("pull", "--repo", "someone/tiny", "--out", tmp_path / "mine")
    assert "mine exists; choose another --out." in one_line(status, err) and hub.requests == []
    assert (tmp_path / "mine/file").read_text() == "mine"


def test_without_network_an_old_copy_is_not_taken_for_the_hubs(command, tiny, tmp_path, published, monkeypatch, hub):
    hub.repositories["models/someone/tiny"] = clone(published)
    assert command("pull", "--repo", "someone/tiny", "--out", tmp_path / "before")[0] == 0
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{unused.getsockname()[1]}")
        assert "check the network" in pull(command, tmp_path)
        status, _, err = command("push", tiny, "--repo", "someone/tiny")
        assert "check the network" in one_line(status, err)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert command("pull", "--repo", "someone/tiny", "--out", tmp_path / "after")[0] == 0
    status, _, err = command("push", tiny, "--repo", "someone/tiny")
    assert "HF_HUB_OFFLINE is set, so nothing can be pushed" in one_line(status, err)


@contextlib.contextmanager
def full_disk():
    """Files stop growing at 15,000 bytes: the write fails as on a full disk, with another reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_nothing(hub, command, tiny, tmp_path, published, monkeypatch):
    """While downloading, while copying out of the cache, and while preparing a push."""
    hub.repositories["models/someone/tiny"] = clone(published)
    with full_disk():
        assert "File too large; make room" in pull(command, tmp_path)
    assert not list((tmp_path / "home").rglob("*.incomplete"))

    assert command("pull", "--repo", "someone/tiny", "--out", tmp_path / "before")[0] == 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with full_disk():
        assert "File too large; make room" in pull(command, tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with full_disk():
        status, _, err = command("push", tiny, "--repo", "someone/other")
    assert "File too large; make room" in one_line(status, err)
    assert hub.repositories.keys() == {"models/someone/tiny"}


def test_a_trained_run_is_published_and_pulled(hub, command, trained, tmp_path):
    assert command("push", trained, "--repo", "someone/custom")[0] == 0
    files = hub.repositories["models/someone/custom"].files()
    assert not any(name.startswith(("checkpoints", "scores")) for name in files)
    assert "| training | 12 | 12 |" in squeezed(files["README.md"].decode())
    assert command("pull", "--repo", "someone/custom", "--out", tmp_path / "pulled")[0] == 0
    assert files_of(tmp_path / "pulled")["metrics.json"] == (trained / "metrics.json").read_bytes()


def test_a_gated_repository_says_how_to_get_in(hub, command, tmp_path, published):
    hub.repositories["models/someone/tiny"] = clone(published)
    hub.fail("GET /api/models/", Refusal(403, "Access is restricted", "GatedRepo"))
    sentence = pull(command, tmp_path)
    assert f"request access on {hub.url}/someone/tiny" in sentence
    assert "may read" in sentence and "write" not in sentence


def test_someone_elses_repository_is_replaced_only_when_asked(hub, command, tiny):
    theirs = hub_standin.Repository(False)
    theirs.commit("main", {name: hub_standin.File(b"theirs", False) for name in ("README.md", "theirs.bin")}, "Theirs")
    hub.repositories["models/someone/tiny"] = theirs
    status, _, err = command("push", tiny, "--repo", "someone/tiny")
    assert "someone/tiny holds theirs.bin, which `push` did not write" in one_line(status, err) and "--replace" in err
    assert theirs.titles == ["Theirs"]
    assert command("push", tiny, "--repo", "someone/tiny", "--replace")[0] == 0
    assert theirs.files().keys() == PUBLISHED - {".gitattributes"}


def test_a_pull_reads_the_list_before_it_fetches_the_rest(hub, command, tmp_path, published):
    hub.repositories["models/someone/tiny"] = clone(published)
    hub.repositories["models/someone/tiny"].write("run_me.py", b"print()")
    assert "holds run_me.py" in pull(command, tmp_path)
    assert not any("model.weights.h5" in request or "/storage/" in request for request in hub.requests)


def test_a_private_repositorys_space_is_told_to_need_a_token(hub, command, tiny):
    prepare(hub, command, tiny, "--private")
    status, out, err = command("push", tiny, "--repo", "someone/tiny", "--space", "someone/app")
    assert status == 0 and "only with a secret HF_TOKEN" in out, err


def test_a_pupil_of_a_pulled_network_names_it_as_its_base_model(published, hub, command, tmp_path):
    hub.repositories["models/someone/tiny"] = clone(published)
    assert command("pull", "--repo", "someone/tiny", "--out", tmp_path / "pulled")[0] == 0
    pulled = run.read_json(tmp_path / "pulled", "detector.json")
    assert card.metadata(pulled).base_model is None
    teacher = start.describe(tmp_path / "pulled", run.load_model(tmp_path / "pulled"))
    for key in ("teacher", "start"):
        pupil = pulled | {"provenance": pulled["provenance"] | {key: teacher}}
        assert card.metadata(pupil).base_model == ["someone/tiny"]


def test_the_card_tells_where_a_network_comes_from_and_asserts_no_source():
    dataset = {"names": ["ours"], "counts": {"train/real": 3, "train/fake": 4}, "sha256": "ab" * 32}
    start = {"file": "x.weights.h5", "sha256": "cd" * 32}
    taught = {"model": "residual", "start": start, "teacher": {"model": "xception_tuned", "weights": "ef" * 32}}
    members = [taught | {"dataset": dataset}, {"model": "custom", "start": None, "teacher": None, "dataset": dataset}]
    told = card.origin({"model": "ensemble", "members": members})
    assert "joins 2 networks" in told and "`x.weights.h5`" in told
    assert "answers of another network, `xception_tuned`" in told
    assert card.origin(members[1]) == ""
    shared = {"model": "xception_tuned", "weights": "ef" * 8}
    assert "It started from layers of another network, `xception_tuned`" in card.origin({"start": shared})
    assert "Where the images of `ours` are from, and under which licence, is not stated." in card.sources(dataset)
    assert card.sources(dataset | {"sources": {"ours": "Own photos, CC0."}}) == "`ours`: Own photos, CC0."
