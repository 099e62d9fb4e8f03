"""Put runs on the Hugging Face Hub, and fetch them back with every file checked.

    python -m export push runs/custom --repo OWNER/NAME --dry-run
    python -m export push runs/custom runs/residual --repo OWNER/NAME --space OWNER/NAME
    python -m export pull --repo OWNER/NAME --revision COMMIT --out runs/pulled

The first run is the repository's model and lies at its top; each further run lies in a folder of its name:

    config.json, metadata.json, model.weights.h5    Keras' own layout, for keras.saving.load_model("hf://OWNER/NAME")
    model.tflite, detector.json                     what the Space loads
    tfjs/                                           what a browser loads
    run/                                            the training's config.json, metrics.json, history.csv and plots

What `pull` leaves is a run folder again, which `python -m train predict` takes, and a folder that the Space can load.

The token is the client's own: the variable HF_TOKEN, or what `hf auth login` stored.
"""

import argparse
import contextlib
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar, cast

import httpx2
from huggingface_hub import (
    HfApi,
    ModelInfo,
    SpaceCard,
    SpaceInfo,
    constants,
    get_session,
    hf_hub_download,
    is_offline_mode,
    snapshot_download,
)
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from export.artifact import card, convert, quantize
from train import run
from train.chain.info import Info

ROOT = Path(__file__).parents[2]
SUMS = "SHA256SUMS"
CARD = constants.REPOCARD_NAME
TFJS = "tfjs"
RECORDS = "run"  # Where what a run folder holds beside its network lies, since Keras has a config.json of its own.

# A .keras file is a zip of these; Keras loads a folder of them too.
WEIGHTS = "model.weights.h5"
KERAS_FILES = ("config.json", "metadata.json", WEIGHTS)

# Of what `push` writes, a file that no other repository has; and what the Hub puts into a new one.
OWN = {"model": SUMS, "space": "how_it_works.md"}
NEW = {".gitattributes", CARD}

# The Hub's own, in every repository; it steers git and is no part of the model.
GIT = ".gitattributes"

# Without a limit, a network that swallows packets holds the first request for minutes. Answers may take their time.
TIMEOUT = httpx2.Timeout(None, connect=10)

# Loading one of these can run code that someone put into it.
REFUSED = {".dill", ".h5", ".hdf5", ".joblib", ".pickle", ".pkl", ".pt", ".pth"}


class HubError(ValueError):
    """The Hub, the network or what was fetched stands in the way; the message says what to do."""


def push(args: argparse.Namespace) -> None:
    """Upload ``args.run``, one or more run folders, as one commit that replaces what the repository held.

    Raises:
        HubError: the Hub did not take it; nothing was committed but what a line "pushed" names.
        run.RunError: a run is unfinished, was not evaluated, or is being written to.
    """
    if args.create_pr and (args.revision or args.space):
        raise HubError("A pull request goes to the main branch and runs in no Space; use --create-pr alone.")
    api = HfApi()
    with plain_errors(args.repo, args.space), tempfile.TemporaryDirectory() as scratch:
        for repo in filter(None, (args.repo, args.space)):
            validate_repo_id(repo)
        get_session().timeout = TIMEOUT
        if not args.dry_run:
            api.whoami()  # Else a wrong token would be noticed only after the conversion.
        model, space = Path(scratch) / "model", Path(scratch) / "space"
        with run.unchanged(*args.run):
            stage(args.run, model, args.repo, args.revision or constants.DEFAULT_REVISION)
        show(args.repo, model)
        if args.space:
            stage_space(space, args.repo)
            show(f"{args.space} (Space)", space)
        if args.dry_run:
            return

        make_repository(api, args.repo, args.private)
        there = replaceable(api, args.repo, "model", args.revision, args.replace or args.create_pr)
        if args.space:
            make_repository(api, args.space, args.private, repo_type="space", space_sdk="gradio")
            space_there = replaceable(api, args.space, "space", None, args.replace)
        if args.revision:
            api.create_branch(args.repo, branch=args.revision, exist_ok=True)
        commit = api.upload_folder(
            repo_id=args.repo,
            folder_path=model,
            revision=args.revision,
            create_pr=args.create_pr,
            commit_message=f"Upload {', '.join(path.resolve().name for path in args.run)}",
            delete_patterns="*",
            parent_commit=there.sha,
        )
        print(f"pushed: {commit.pr_url or commit.commit_url}")

        if args.space:
            # Before the files, so that the Space starts only once, with the model that belongs to them.
            api.add_space_variable(args.space, "DETECTOR_REPO", f"{args.repo}@{commit.oid}")
            pin_space(space, args.repo, served_files(model), commit.oid)
            upload = api.upload_folder(
                repo_id=args.space,
                repo_type="space",
                folder_path=space,
                commit_message=f"Serve {args.repo} at {commit.oid[:12]}",
                delete_patterns="*",
                parent_commit=space_there.sha,
            )
            print(f"pushed: {upload.commit_url}")
            if there.private:
                print(f"{args.space} can read {args.repo} only with a secret HF_TOKEN; add it in the Space's settings.")


def make_repository(api: HfApi, repo: str, private: bool, repo_type: str = "model", **options) -> None:
    """Make the repository unless it is there.

    Raises:
        HubError: ``private`` is asked for, and it is there and public; the Hub would leave it so.
    """
    api.create_repo(repo, repo_type=repo_type, private=private or None, exist_ok=True, **options)
    if private and not api.repo_info(repo, repo_type=repo_type).private:
        raise HubError(f"{repo} exists and is public; make it private in its settings, then push again.")


def replaceable(api: HfApi, repo: str, kind: str, revision: str | None, replace: bool) -> ModelInfo | SpaceInfo:
    """What the Hub says of a repository, before its files are replaced.

    Args:
        api: the client.
        repo: OWNER/NAME.
        kind: "model" or "space".
        revision: branch whose files are to be replaced, made from main when missing; None for main.
        replace: whether files that `push` did not write may go too.

    Raises:
        HubError: they may not, and there are some.
    """
    ask: Callable[..., ModelInfo | SpaceInfo] = api.model_info if kind == "model" else api.space_info
    info = ask(repo)
    if revision:
        try:
            info = ask(repo, revision=revision)
        except RevisionNotFoundError:
            return info  # Of a new branch nothing is lost.
    names = {file.rfilename for file in info.siblings or ()}
    if not replace and OWN[kind] not in names and (others := sorted(names - NEW)):
        raise HubError(
            f"{repo} holds {others[0]}{' and more' * (len(others) > 1)}, which `push` did not write; check the name, "
            "or pass --replace to remove what it holds."
        )
    return info


def stage(runs: list[Path], folder: Path, repo: str, revision: str) -> None:
    """Fill ``folder`` with just what is to be published of the runs; see the module on what lies where."""
    names = [source.resolve().name for source in runs]
    taken = {path for path in (TFJS, RECORDS) if path in names[1:]}
    if repeated := taken | {name for name in names if names.count(name) > 1}:
        raise HubError(f"The name {min(repeated)} is already taken in the repository; rename that run folder.")
    networks = [run.read_json(source, run.CONFIG).get("model") for source in runs]
    alike = len(set(networks)) < len(networks)  # Their folders' names tell them apart then, in the Space too.
    for source, name in zip(runs, names):
        first = name == names[0]
        target = folder if first else folder / name
        stage_run(source, target, name if alike else None)
        card.model_card(
            cast(Info, run.read_json(target, run.DETECTOR)),
            repo,
            revision,
            folder="" if first else f"{name}/",
            plots=sorted(plot.name for plot in target.glob(f"{RECORDS}/{run.PLOTS}/*")),
            others=names[1:] if first else [],
        ).save(target / CARD)
        dataset = run.read_config(source)["dataset"]
        if unstated := [name for name in dataset["names"] if name not in dataset.get("sources", {})]:
            print(
                f"{source}: where the images of {', '.join(unstated)} are from, and under which licence, is not "
                f'stated, and the card says so; add "sources": {{NAME: TEXT}} to "dataset" in {run.CONFIG}.'
            )
    write_sums(folder)


def stage_run(source: Path, target: Path, name: str | None) -> None:
    """Model files for Keras, the Space and TensorFlow.js, and the run's records.

    Args:
        source: the run.
        target: folder to make.
        name: of the model, in place of its network's.
    """
    rounded = run.read_json(source, run.CONFIG).get("weights") == quantize.ROUNDED
    precision = "uint8" if rounded else "float32"  # Either way the files hold the same numbers.
    with contextlib.redirect_stdout(io.StringIO()):  # It names the temporary folder.
        for format, out in ((["keras", "tflite"], target), (["tfjs"], target / TFJS)):
            convert.convert(argparse.Namespace(run=source, out=out, format=format, precision=precision))
    with zipfile.ZipFile(target / run.MODEL) as network:
        network.extractall(target, KERAS_FILES)
    (target / run.MODEL).unlink()
    describe_files(target, (*KERAS_FILES, run.TFLITE))
    if name:
        for described in (target, target / TFJS):
            run.write_json(described / run.DETECTOR, run.read_json(described, run.DETECTOR) | {"name": name})

    plots = sorted((source / run.PLOTS).glob("*.png"))
    (target / RECORDS / run.PLOTS if plots else target / RECORDS).mkdir(parents=True)
    for path in (source / run.CONFIG, source / run.METRICS, source / run.HISTORY, *plots):
        if path.exists():
            shutil.copy(path, target / RECORDS / path.relative_to(source))


def restore_run(folder: Path, repo: str) -> None:
    """Make a run folder again of what `stage_run` made; its detector.json says which repository it is from."""
    with zipfile.ZipFile(folder / run.MODEL, "w", zipfile.ZIP_DEFLATED) as network:
        for name in KERAS_FILES:
            network.write(folder / name, name)
            (folder / name).unlink()
    for path in sorted((folder / RECORDS).iterdir()):
        path.rename(folder / path.name)
    (folder / RECORDS).rmdir()
    describe_files(folder, (run.MODEL, run.TFLITE))
    run.write_json(folder / run.DETECTOR, run.read_json(folder, run.DETECTOR) | {"hub": repo})


def describe_files(folder: Path, names: Iterable[str]) -> None:
    """Let detector.json list these files of its folder."""
    info = run.read_json(folder, run.DETECTOR)
    run.write_json(folder / run.DETECTOR, info | {"files": {name: run.sha256(folder / name) for name in names}})


def write_sums(folder: Path) -> None:
    """List the sha256 of every other file in SHA256SUMS."""
    sums = [f"{run.sha256(folder / name)}  {name}\n" for name in files_of(folder) if name != SUMS]
    (folder / SUMS).write_text("".join(sums))


def served_files(folder: Path) -> list[str]:
    """What the Space fetches of a staged repository; see ``models_folder`` in space/detector.py."""
    return [name for name in files_of(folder) if name.endswith((run.TFLITE, run.DETECTOR))]


def stage_space(folder: Path, repo: str) -> None:
    """Copy ``space/`` without its models, which the Space fetches from ``repo``, and without hidden files."""
    shutil.copytree(ROOT / "space", folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "models"))
    description = SpaceCard.load(folder / CARD)
    description.data.models = [repo]
    description.save(folder / CARD)


def pin_space(folder: Path, repo: str, names: list[str], commit: str) -> None:
    """Let the Hub fetch the models' files while it builds the Space, at just this commit."""
    description = SpaceCard.load(folder / CARD)
    description.data.preload_from_hub = [f"{repo} {','.join(names)} {commit}"]
    description.save(folder / CARD)


def show(title: str, folder: Path) -> None:
    """Print the files that go to the Hub, with their sizes."""
    names = files_of(folder)
    sizes = {name: (folder / name).stat().st_size for name in names}
    print(f"{title}: {len(names)} files, {sum(sizes.values()) / 1e6:.1f} MB")
    for name, size in sizes.items():
        print(f"  {size:>12,}  {name}")


def pull(args: argparse.Namespace) -> None:
    """Fetch a repository at ``args.revision``, check every file, and only then make ``args.out``.

    With HF_HUB_OFFLINE=1 it comes from the client's cache.

    Raises:
        HubError: it can't be fetched, or a file is not what SHA256SUMS says; ``args.out`` is not made.
    """
    out = Path(args.out)
    if out.exists():
        raise HubError(f"{out} exists; choose another --out.")
    with plain_errors(args.repo, access="read"):
        get_session().timeout = TIMEOUT
        if not is_offline_mode():
            # Else the client would pass an old copy from its cache for the Hub's answer when the Hub fails.
            names = {*HfApi().list_repo_files(args.repo, revision=args.revision)} - {GIT}
            check_kinds(names, args.repo)
            # Before all else is fetched.
            check_names(names, Path(hf_hub_download(args.repo, SUMS, revision=args.revision)), args.repo)
        snapshot = Path(snapshot_download(args.repo, revision=args.revision, ignore_patterns=GIT))
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
            folder = Path(scratch) / "model"
            copy_files(snapshot, folder, (name for name in files_of(snapshot) if name != GIT))
            check(folder, args.repo)  # The copy, so that what was checked is what is kept.
            count = len(files_of(folder))
            for weights in sorted(folder.rglob(WEIGHTS)):
                restore_run(weights.parent, args.repo)
            write_sums(folder)
            folder.rename(out)
    print(f"{out}: {args.repo} at {snapshot.name}, {count} files, each as in {SUMS}")


def check(folder: Path, repo: str) -> None:
    """Compare a fetched folder with its SHA256SUMS, without loading any of it.

    Raises:
        HubError: a file's kind can carry code, a file is missing, not listed, or changed.
    """
    names = set(files_of(folder))
    check_kinds(names, repo)
    listed = check_names(names, folder / SUMS, repo)
    if changed := sorted(name for name, digest in listed.items() if run.sha256(folder / name) != digest):
        raise HubError(f"{repo}: {changed[0]} is not the file that {SUMS} lists (its sha256 differs); refused.")


def check_kinds(names: set[str], repo: str) -> None:
    """Refuse a repository without a list of its files, or with a file whose kind can carry code.

    Raises:
        HubError: naming it.
    """
    refused = sorted(name for name in names if Path(name).suffix.lower() in REFUSED and Path(name).name != WEIGHTS)
    if refused:
        raise HubError(f"{repo} holds {refused[0]}, a kind of file that can run code when loaded; refused.")
    if SUMS not in names:
        raise HubError(f"{repo} holds no {SUMS}, so nothing can be checked; was it made by `python -m export push`?")


def check_names(names: set[str], sums: Path, repo: str) -> dict[str, str]:
    """Read SHA256SUMS, {name: sha256}, and compare its names with those that are there.

    Raises:
        HubError: a file is missing or not listed.
    """
    lines = sums.read_text(errors="replace").splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if missing := sorted(listed.keys() - names):
        raise HubError(f"{repo} lacks {missing[0]}, which {SUMS} lists; refused.")
    if extra := sorted(names - listed.keys() - {SUMS}):
        raise HubError(f"{repo} holds {extra[0]}, which {SUMS} does not list; refused.")
    return listed


def files_of(folder: Path) -> list[str]:
    """Paths of all files below a folder, relative, with slashes, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def copy_files(source: Path, target: Path, names: Iterable[str]) -> None:
    """Copy files at the same paths into a new folder; the content of links."""
    target.mkdir()
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)


@contextlib.contextmanager
def plain_errors(*repos: str | None, access: str = "write") -> Iterator[None]:
    """Turn what the client, the network and the disk raise into a HubError of one sentence.

    Args:
        repos: what is read or written.
        access: "read" or "write", what the token must allow.
    """
    try:
        yield
    except (HubError, run.RunError):
        raise
    except (OSError, RuntimeError, ValueError, httpx2.HTTPError) as error:
        sentence = explain(error, " or ".join(filter(None, repos)), access)
        if not sentence:
            raise  # Not the outside world's fault.
        raise HubError(sentence) from error


Failure = TypeVar("Failure", bound=BaseException)


def explain(error: BaseException, repos: str, access: str) -> str:
    """One sentence on why it failed and what to do; "" for a failure of unknown kind."""
    chain = [error]  # The client wraps what happened in errors of its own, and may forget the difference.
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)

    def first(kind: type[Failure]) -> Failure | None:
        return next((link for link in chain if isinstance(link, kind)), None)

    if answer := first(HfHubHTTPError):
        return explain_answer(answer, repos, access)
    if broken := first(httpx2.TransportError):
        return (
            f"The connection to {constants.ENDPOINT} failed ({broken}); check the network and run the command again, "
            "or set HF_HUB_OFFLINE=1 to pull from the cache."
        )
    if first(LocalTokenNotFoundError):
        return f"There is no token; run `hf auth login` or set HF_TOKEN to one that may {access}."
    if first(LocalEntryNotFoundError):
        return f"{repos} is not whole in the cache at that revision; run once without HF_HUB_OFFLINE."
    if first(OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing can be pushed; unset it."
    if (failed := first(OSError)) and failed.strerror:
        path = failed.filename or "A file"
        return f"{path} can't be read or written: {failed.strerror}; make room or change the path."
    if isinstance(error, ValueError) and type(error).__module__.startswith("huggingface_hub"):
        return " ".join(str(error).split())
    if isinstance(error, ValueError) and "Invalid metadata" in str(error):
        return " ".join(str(error).split())
    return ""


def explain_answer(error: HfHubHTTPError, repos: str, access: str) -> str:
    """One sentence on an answer of the Hub that is not success."""
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return (
            f"{repos} is gated (HTTP {status}); request access on {constants.ENDPOINT}/{repos}, and then run "
            "`hf auth login` or set HF_TOKEN, with a token that may read."
        )
    if status == 401:
        return (
            f"The Hub does not accept the token, or {repos} is private or not there (HTTP 401); check the name, and "
            "run `hf auth login` or set HF_TOKEN."
        )
    if status == 403:
        return f"The token may not do this with {repos} (HTTP 403); use one that may {access} there."
    if isinstance(error, RevisionNotFoundError):
        return f"{repos} has no such revision (HTTP 404); check --revision."
    if status == 404:
        return f"{repos} is not on the Hub, or the token can't see it (HTTP 404); check the name."
    if status == 412:
        return f"{repos} was changed by someone else meanwhile (HTTP 412); run the command again."
    if status == 429:
        wait = error.response.headers.get("Retry-After")
        return f"The Hub is asked too often (HTTP 429); try again {f'in {wait} seconds' if wait else 'later'}."
    reason = error.server_message or error.response.reason_phrase
    return f"The Hub answers HTTP {status} ({' '.join(reason.split())}); try again later."
