"""Put runs on the Hugging Face Hub, and fetch them back with every file checked.

    python -m export push runs/custom --repo OWNER/NAME --dry-run
    python -m export push runs/custom runs/residual --repo OWNER/NAME --space OWNER/NAME
    python -m export pull --repo OWNER/NAME --revision COMMIT --out runs/pulled

The first run is the repository's model and lies at its top; each further run lies in a folder of its name. What
`pull` leaves is a run folder again, which `python -m train predict` takes, and a folder that the Space can load.

The token is the client's own: the variable HF_TOKEN, or what `hf auth login` stored.
"""

import argparse
import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, SpaceCard, constants, get_session, is_offline_mode, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from export import card, convert
from export.detector import DETECTOR, TFLITE
from train import run

ROOT = Path(__file__).parent.parent
SUMS = "SHA256SUMS"
CARD = constants.REPOCARD_NAME
TFJS = "tfjs"

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
        run.RunError: a run is unfinished or was not evaluated.
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
        stage(args.run, model, args.repo, args.revision or constants.DEFAULT_REVISION)
        show(args.repo, model)
        if args.space:
            stage_space(space, args.repo)
            show(f"{args.space} (Space)", space)
        if args.dry_run:
            return

        make_repository(api, args.repo, args.private)
        if args.space:
            make_repository(api, args.space, args.private, repo_type="space", space_sdk="gradio")
        if args.revision:
            api.create_branch(args.repo, branch=args.revision, exist_ok=True)
        commit = api.upload_folder(
            repo_id=args.repo,
            folder_path=model,
            revision=args.revision,
            create_pr=args.create_pr,
            commit_message=f"Upload {', '.join(path.resolve().name for path in args.run)}",
            delete_patterns="*",
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
            )
            print(f"pushed: {upload.commit_url}")
            if args.private:
                print(f"{args.space} can read {args.repo} only with a secret HF_TOKEN; add it in the Space's settings.")


def make_repository(api: HfApi, repo: str, private: bool, repo_type: str = "model", **options) -> None:
    """Make the repository unless it is there.

    Raises:
        HubError: ``private`` is asked for, and it is there and public; the Hub would leave it so.
    """
    api.create_repo(repo, repo_type=repo_type, private=private or None, exist_ok=True, **options)
    if private and not api.repo_info(repo, repo_type=repo_type).private:
        raise HubError(f"{repo} exists and is public; make it private in its settings, then push again.")


def stage(runs: list[Path], folder: Path, repo: str, revision: str) -> None:
    """Fill ``folder`` with just what is to be published of the runs; see the module on what lies where."""
    names = [source.resolve().name for source in runs]
    taken = {path for path in (TFJS, run.PLOTS) if path in names[1:]}
    if repeated := taken | {name for name in names if names.count(name) > 1}:
        raise HubError(f"The name {min(repeated)} is already taken in the repository; rename that run folder.")
    for source, name in zip(runs, names):
        first = name == names[0]
        target = folder if first else folder / name
        stage_run(source, target)
        card.model_card(
            run.read_json(target, DETECTOR),
            repo,
            revision,
            folder="" if first else f"{name}/",
            plots=sorted(plot.name for plot in target.glob(f"{run.PLOTS}/*")),
            others=names[1:] if first else [],
        ).save(target / CARD)
    sums = [f"{run.sha256(folder / name)}  {name}\n" for name in files_of(folder)]
    (folder / SUMS).write_text("".join(sums))


def stage_run(source: Path, target: Path) -> None:
    """Model files for Keras and for TensorFlow.js, and the run's records."""
    rounded = run.read_json(source, run.CONFIG).get("weights") == "rounded to uint8"
    precision = "uint8" if rounded else "float32"  # Either way the two files hold the same numbers.
    with contextlib.redirect_stdout(io.StringIO()):  # It names the temporary folder.
        for format, out in ((["keras", "tflite"], target), (["tfjs"], target / TFJS)):
            convert.convert(argparse.Namespace(run=source, out=out, format=format, precision=precision))
    for name in (run.CONFIG, run.METRICS, run.HISTORY):
        if (source / name).exists():
            shutil.copy(source / name, target)
    for plot in sorted((source / run.PLOTS).glob("*.png")):
        (target / run.PLOTS).mkdir(exist_ok=True)
        shutil.copy(plot, target / run.PLOTS)


def served_files(folder: Path) -> list[str]:
    """What the Space fetches of a staged repository; see ``models_folder`` in space/detector.py."""
    return [name for name in files_of(folder) if name.endswith((TFLITE, DETECTOR))]


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
    with plain_errors(args.repo):
        get_session().timeout = TIMEOUT
        if not is_offline_mode():
            # Else the client would pass an old copy from its cache for the Hub's answer when the Hub fails.
            HfApi().model_info(args.repo, revision=args.revision)
        snapshot = Path(snapshot_download(args.repo, revision=args.revision, ignore_patterns=GIT))
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
            folder = Path(scratch) / "model"
            copy_files(snapshot, folder, (name for name in files_of(snapshot) if name != GIT))
            check(folder, args.repo)  # The copy, so that what was checked is what is kept.
            folder.rename(out)
    print(f"{out}: {args.repo} at {snapshot.name}, {len(files_of(out))} files, each as in {SUMS}")


def check(folder: Path, repo: str) -> None:
    """Compare a fetched folder with its SHA256SUMS, without loading any of it.

    Raises:
        HubError: a file's kind can carry code, a file is missing, not listed, or changed.
    """
    names = set(files_of(folder))
    if refused := sorted(name for name in names if Path(name).suffix.lower() in REFUSED):
        raise HubError(f"{repo} holds {refused[0]}, a kind of file that can run code when loaded; refused.")
    if SUMS not in names:
        raise HubError(f"{repo} holds no {SUMS}, so nothing can be checked; was it made by `python -m export push`?")
    lines = (folder / SUMS).read_text(errors="replace").splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if missing := sorted(listed.keys() - names):
        raise HubError(f"{repo} lacks {missing[0]}, which {SUMS} lists; refused.")
    if extra := sorted(names - listed.keys() - {SUMS}):
        raise HubError(f"{repo} holds {extra[0]}, which {SUMS} does not list; refused.")
    if changed := sorted(name for name, digest in listed.items() if run.sha256(folder / name) != digest):
        raise HubError(f"{repo}: {changed[0]} is not the file that {SUMS} lists (its sha256 differs); refused.")


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
def plain_errors(*repos: str | None) -> Iterator[None]:
    """Turn what the client, the network and the disk raise into a HubError of one sentence."""
    try:
        yield
    except (HubError, run.RunError):
        raise
    except (OSError, RuntimeError, ValueError, httpx2.HTTPError) as error:
        sentence = explain(error, " or ".join(filter(None, repos)))
        if not sentence:
            raise  # Not the outside world's fault.
        raise HubError(sentence) from error


def explain(error: BaseException, repos: str) -> str:
    """One sentence on why it failed and what to do; "" for a failure of unknown kind."""
    chain = [error]  # The client wraps what happened in errors of its own, and may forget the difference.
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)

    def first(kind: type) -> BaseException | None:
        return next((link for link in chain if isinstance(link, kind)), None)

    if answer := first(HfHubHTTPError):
        return explain_answer(answer, repos)
    if broken := first(httpx2.TransportError):
        return (
            f"The connection to {constants.ENDPOINT} failed ({broken}); check the network and run the command again, "
            "or set HF_HUB_OFFLINE=1 to pull from the cache."
        )
    if first(LocalTokenNotFoundError):
        return "There is no token; run `hf auth login` or set HF_TOKEN to one that may write."
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


def explain_answer(error: HfHubHTTPError, repos: str) -> str:
    """One sentence on an answer of the Hub that is not success."""
    status = error.response.status_code
    if status == 401:
        return (
            f"The Hub does not accept the token, or {repos} is private or not there (HTTP 401); check the name, and "
            "run `hf auth login` or set HF_TOKEN."
        )
    if status == 403:
        return f"The token may not do this with {repos} (HTTP 403); use one that may write there."
    if isinstance(error, RevisionNotFoundError):
        return f"{repos} has no such revision (HTTP 404); check --revision."
    if status == 404:
        return f"{repos} is not on the Hub, or the token can't see it (HTTP 404); check the name."
    if status == 429:
        wait = error.response.headers.get("Retry-After")
        return f"The Hub is asked too often (HTTP 429); try again {f'in {wait} seconds' if wait else 'later'}."
    reason = error.server_message or error.response.reason_phrase
    return f"The Hub answers HTTP {status} ({' '.join(reason.split())}); try again later."
