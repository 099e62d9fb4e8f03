"""A stand-in for the Hugging Face Hub on this machine: what the real client asks of it, kept in memory.

Follows the requests that huggingface_hub 2.4 makes without Xet: whoami, create repository and branch, validate
metadata, preupload, LFS batch with upload and verify, commit (NDJSON), tree, information, resolve, Space variables.
As on the Hub, LFS content lies on another host (here ``localhost`` instead of ``127.0.0.1``), so that a client that
forwards its token there is found out.

    with Hub() as hub: ...  HF_ENDPOINT=hub.url HF_TOKEN=hub_standin.TOKEN
"""

import base64
import hashlib
import http.server
import json
import re
import threading
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

USER = "someone"
TOKEN = "hf_TokenOfTheTestsThatNobodyElseKnows"
PAGE = 10  # Entries a page of a tree; the Hub's is 1000.
LARGE = 10_000_000  # Bytes from which text goes to LFS too.
LICENSES = {"apache-2.0", "cc-by-nc-sa-4.0", "cc-by-sa-4.0", "mit", "other", "unknown"}  # Of the Hub's list.
TASKS = {"image-classification", "image-feature-extraction", "image-to-image", "object-detection", "other"}
PREFIXES = {"model": "", "space": "spaces/"}
REPOSITORY = r"(?P<kind>model|space)s/(?P<id>[\w.-]+/[\w.-]+)"
FOLDER = r"/(?P<prefix>spaces/)?(?P<id>[\w.-]+/[\w.-]+?)"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class File:
    """One file of a commit."""

    content: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        """Its git blob: of the content, or of the pointer that stands for it."""
        stored = self.content
        if self.lfs:
            stored = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (
                sha256(self.content).encode(),
                len(self.content),
            )
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()

    @property
    def etag(self) -> str:
        return sha256(self.content) if self.lfs else self.oid

    def entry(self, path: str) -> dict:
        """Its entry in a tree."""
        entry = {"type": "file", "oid": self.oid, "size": len(self.content), "path": path}
        return entry | ({"lfs": {"oid": self.etag, "size": len(self.content), "pointerSize": 134}} if self.lfs else {})


@dataclass
class Repository:
    """Its commits {sha: {path: File}}, oldest first, and where its branches and pull requests are."""

    private: bool
    sdk: str | None = None
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    titles: list[str] = field(default_factory=list)
    variables: dict[str, dict] = field(default_factory=dict)

    def commit(self, branch: str, files: dict[str, File], title: str) -> str:
        """Add a commit to a branch; returns its sha."""
        listing = "".join(f"{files[path].oid} {path}\n" for path in sorted(files))
        sha = hashlib.sha1(f"{len(self.commits)} {title}\n{listing}".encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        self.titles.append(title)
        return sha

    def resolve(self, revision: str) -> str | None:
        return self.branches.get(revision) or (revision if revision in self.commits else None)

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """{path: content} at a revision."""
        return {path: file.content for path, file in self.commits[self.resolve(revision)].items()}

    def write(self, path: str, content: bytes | None, branch: str = "main") -> str:
        """Someone else's commit: one file changed, or removed with None."""
        files = dict(self.commits[self.branches[branch]])
        if content is None:
            del files[path]
        else:
            files[path] = File(content, files[path].lfs if path in files else is_large(path, content, len(content)))
        return self.commit(branch, files, f"Change {path}")


class Refusal(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, message: str = "", code: str = "", headers: dict | None = None):
        self.status, self.message = status, message
        self.headers = headers or {}
        if code:
            self.headers["X-Error-Code"] = code


class Dropped(Exception):
    """The connection ends in the middle of the request, without an answer."""


class Cut(Exception):
    """The connection ends in the middle of the answer."""


def is_large(path: str, sample: bytes, size: int) -> bool:
    """Whether the Hub keeps a file in LFS: by its name as .gitattributes says, because it is binary, or by its size."""
    return path.endswith((".bin", ".h5", ".pkl", ".pt", ".tflite", ".zip")) or b"\0" in sample or size > LARGE


class Hub:
    """The server and all that it holds.

    Attributes:
        url: what HF_ENDPOINT is set to.
        repositories: {"models/OWNER/NAME": Repository}.
        requests: "METHOD /path" of every request, oldest first.
    """

    def __init__(self):
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        self.leaks: list[str] = []  # Requests to the storage host that carried a token.
        self.storage: dict[str, bytes] = {}
        self._faults: list[tuple[str, Exception]] = []
        self._lock = threading.RLock()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.storage_url = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> "Hub":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exception) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(self, pattern: str, fault: Exception, times: int = 1_000) -> None:
        """Let the next requests whose "METHOD /path" the pattern matches fail: a Refusal, Dropped or Cut."""
        self._faults += [(pattern, fault)] * times

    def fault(self, request: str) -> Exception | None:
        with self._lock:
            for index, (pattern, fault) in enumerate(self._faults):
                if re.match(pattern, request):
                    del self._faults[index]
                    return fault

    # What each address answers: (status, content for JSON), or (status, headers, bytes).

    def whoami(self, user: str | None) -> tuple:
        if not user:
            raise Refusal(401, "Invalid username or password.")
        return 200, {"type": "user", "name": user, "orgs": [], "auth": {"type": "access_token"}}

    def create(self, user: str | None, body: dict) -> tuple:
        if not user:
            raise Refusal(401, "Invalid username or password.")
        kind, owner = body.get("type") or "model", body.get("organization") or user
        if owner != user:
            raise Refusal(403, f"You don't have the rights to create a {kind} under the namespace {owner!r}")
        name = f"{owner}/{body['name']}"
        url = f"{self.url}/{PREFIXES[kind]}{name}"
        if f"{kind}s/{name}" in self.repositories:
            return 409, {"error": f"You already created this {kind} repo", "url": url}
        repository = Repository(body.get("visibility") == "private", body.get("sdk"))
        self.repositories[f"{kind}s/{name}"] = repository
        attributes = File(b"*.bin filter=lfs diff=lfs merge=lfs -text\n", False)
        repository.commit("main", {".gitattributes": attributes}, "initial commit")
        return 200, {"url": url, "name": name, "id": sha256(url.encode())[:24]}

    def find(self, user: str | None, kind: str, id: str, write: bool = False) -> Repository:
        repository = self.repositories.get(f"{kind}s/{id}")
        if repository is None or repository.private and user != id.split("/")[0]:
            if user:
                raise Refusal(404, "Repository not found", "RepoNotFound")
            raise Refusal(401, "Invalid username or password.")  # The Hub does not tell a stranger which it is.
        if write and user != id.split("/")[0]:
            raise Refusal(403 if user else 401, "You have no write access to this repository.")
        return repository

    def commit_of(self, repository: Repository, revision: str) -> str:
        sha = repository.resolve(unquote(revision))
        if sha is None:
            raise Refusal(404, f"Invalid rev id: {unquote(revision)}", "RevisionNotFound")
        return sha

    def information(self, repository: Repository, id: str, revision: str) -> tuple:
        sha = self.commit_of(repository, revision)
        siblings = [{"rfilename": path} for path in repository.commits[sha]]
        return 200, {"id": id, "sha": sha, "private": repository.private, "tags": [], "siblings": siblings}

    def tree(self, repository: Repository, revision: str, query: dict, url: str) -> tuple:
        files = repository.commits[self.commit_of(repository, revision)]
        folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
        entries = [{"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in sorted(folders)]
        entries += [file.entry(path) for path, file in sorted(files.items())]
        start = int(query.get("cursor", ["0"])[0])
        more = {"Link": f'<{url}?recursive=true&cursor={start + PAGE}>; rel="next"'} if entries[start + PAGE :] else {}
        return 200, more, json.dumps(entries[start : start + PAGE]).encode()

    def preupload(self, repository: Repository, revision: str, body: dict) -> tuple:
        files = repository.commits[self.commit_of(repository, revision)]
        answers = []
        for asked in body["files"]:
            path, sample = asked["path"], base64.b64decode(asked["sample"])
            answer = {
                "path": path,
                "uploadMode": "lfs" if is_large(path, sample, asked["size"]) else "regular",
                "shouldIgnore": False,
            }
            answers.append(answer | ({"oid": files[path].etag} if path in files else {}))
        return 200, {"files": answers}

    def lfs_batch(self, id: str, body: dict) -> tuple:
        if body["operation"] != "upload" or "basic" not in body["transfers"] or body["hash_algo"] != "sha256":
            raise Refusal(400, "Unsupported LFS batch")
        objects = []
        for asked in body["objects"]:
            actions = {
                "upload": {"href": f"{self.storage_url}/storage/{asked['oid']}", "header": {}},
                "verify": {"href": f"{self.url}/api/lfs-verify", "header": {}},
            }
            objects.append(asked | ({} if asked["oid"] in self.storage else {"actions": actions}))
        return 200, {"transfer": "basic", "objects": objects}

    def lfs_upload(self, oid: str, content: bytes) -> tuple:
        if sha256(content) != oid:
            raise Refusal(400, "The content does not match its oid")
        self.storage[oid] = content
        return 200, {}, b""

    def lfs_verify(self, body: dict) -> tuple:
        if len(self.storage.get(body["oid"], b"")) != body["size"]:
            raise Refusal(404, "Object not found")
        return 200, {}

    def commit(self, repository: Repository, address: dict, query: dict, lines: list[dict]) -> tuple:
        branch = unquote(address["revision"])
        if branch not in repository.branches:
            raise Refusal(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        [header, *operations] = lines
        if header["value"].get("parentCommit") not in (None, repository.branches[branch]):
            raise Refusal(412, "The branch has moved since parentCommit")
        files = dict(repository.commits[repository.branches[branch]])
        for operation in operations:
            key, value = operation["key"], operation["value"]
            if key == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]), False)
            elif key == "lfsFile":
                if value["oid"] not in self.storage:
                    raise Refusal(400, f"LFS object {value['oid']} was not uploaded")
                files[value["path"]] = File(self.storage[value["oid"]], True)
            elif key == "deletedFile":
                if files.pop(value["path"], None) is None:
                    raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
            else:
                raise Refusal(400, f"Unknown operation {key}")
        url = f"{self.url}/{PREFIXES[address['kind']]}{address['id']}"
        answer = {"success": True, "hookOutput": ""}
        if "create_pr" in query:
            number = sum(name.startswith("refs/pr/") for name in repository.branches) + 1
            branch = f"refs/pr/{number}"
            answer["pullRequestUrl"] = f"{url}/discussions/{number}"
        sha = repository.commit(branch, files, header["value"]["summary"])
        return 200, answer | {"commitOid": sha, "commitUrl": f"{url}/commit/{sha}"}

    def branch(self, repository: Repository, name: str, body: dict) -> tuple:
        name = unquote(name)
        if name in repository.branches:
            raise Refusal(409, f"Reference already exists: {name}")
        repository.branches[name] = self.commit_of(repository, body.get("startingPoint", "main"))
        return 201, {}

    def variable(self, repository: Repository, body: dict) -> tuple:
        repository.variables[body["key"]] = {"value": body["value"]}
        return 200, repository.variables

    def resolve(self, repository: Repository, revision: str, path: str) -> tuple:
        sha = self.commit_of(repository, revision)
        file = repository.commits[sha].get(unquote(path))
        headers = {"X-Repo-Commit": sha}
        if file is None:
            raise Refusal(404, "Entry not found", "EntryNotFound", headers)
        headers["ETag"] = f'"{file.etag}"'
        if not file.lfs:
            return 200, headers, file.content
        headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(file.content))}
        self.storage[file.etag] = file.content
        return 302, headers | {"Location": f"{self.storage_url}/storage/{file.etag}"}, b"Found"

    def validate(self, body: dict) -> tuple:
        errors, warnings = metadata_errors(body["content"], body["repoType"])
        answer = {"errors": [{"message": e} for e in errors], "warnings": [{"message": w} for w in warnings]}
        return (400 if errors else 200), answer


def metadata_errors(content: str, kind: str) -> tuple[list[str], list[str]]:
    """(errors, warnings) in the metadata of a README.md, by the rules that the Hub documents for cards."""
    block = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
    if not block:
        return [], ["empty or missing yaml metadata in repo card"]
    try:
        data = yaml.safe_load(block[1])
    except yaml.YAMLError as error:
        return [f"invalid YAML: {error}"], []
    if not isinstance(data, dict):
        return ["metadata must be a mapping"], []
    errors = []

    def check(good: bool, message: str) -> None:
        if not good:
            errors.append(message)

    def strings(value) -> bool:
        return isinstance(value, list) and all(isinstance(item, str) and item for item in value)

    check(data.get("license", "unknown") in LICENSES, '"license" must be one of the Hub\'s list')
    for key in ("tags", "datasets", "metrics", "models"):
        check(key not in data or strings(data[key]), f'"{key}" must be a list of strings')
    if kind == "space":
        check(data.get("sdk") in ("gradio", "docker", "static"), '"sdk" must be one of gradio, docker, static')
        check(isinstance(data.get("sdk_version", ""), str), '"sdk_version" must be a string')
        check(isinstance(data.get("app_file", ""), str), '"app_file" must be a string')
        check(len(data.get("short_description", "")) <= 60, '"short_description" must be 60 characters at most')
        return errors, []
    check(data.get("pipeline_tag") in TASKS | {None}, '"pipeline_tag" must be one of the Hub\'s tasks')
    check(isinstance(data.get("library_name", ""), str), '"library_name" must be a string')
    for index, model in enumerate(data.get("model-index", [])):
        check(isinstance(model.get("name"), str), f'"model-index[{index}].name" is required')
        check(bool(model.get("results")), f'"model-index[{index}].results" is required')
        for result in model.get("results") or []:
            check(isinstance(result.get("task", {}).get("type"), str), "result.task.type is required")
            for key in ("type", "name"):
                check(isinstance(result.get("dataset", {}).get(key), str), f"result.dataset.{key} is required")
            check(bool(result.get("metrics")), "result.metrics is required")
            for metric in result.get("metrics") or []:
                check(isinstance(metric.get("type"), str), "metric.type is required")
                check(isinstance(metric.get("value"), int | float | str), "metric.value is required")
    return errors, []


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP around a Hub."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args) -> None:
        pass

    def serve(self) -> None:
        address = urlsplit(self.path)
        request = f"{self.command} {address.path}"
        with self.hub._lock:
            self.hub.requests.append(request)
        fault = self.hub.fault(request)
        if isinstance(fault, Dropped):
            self.rfile.read(min(int(self.headers.get("Content-Length", 0)), 1000))
            self.close_connection = True
            return
        body = self.body()
        try:
            if isinstance(fault, Refusal):
                raise fault
            with self.hub._lock:
                status, *rest = self.answer(address.path, parse_qs(address.query), body)
        except Refusal as refusal:
            headers = refusal.headers | {"X-Error-Message": refusal.message}
            status, rest = refusal.status, [headers, json.dumps({"error": refusal.message}).encode()]
        if len(rest) == 1:
            rest = [{"Content-Type": "application/json"}, json.dumps(rest[0]).encode()]
        self.reply(status, *rest, cut=isinstance(fault, Cut))

    do_GET = do_HEAD = do_POST = do_PUT = serve

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def user(self) -> str | None:
        given = self.headers.get("Authorization")
        if given is None:
            return None
        if given != f"Bearer {TOKEN}":
            raise Refusal(401, "Invalid credentials in Authorization header")
        return USER

    def answer(self, path: str, query: dict, body: bytes) -> tuple:
        hub, method = self.hub, self.command
        if match := re.fullmatch(r"/storage/(?P<oid>[0-9a-f]{64})", path):
            if "Authorization" in self.headers:
                hub.leaks.append(f"{method} {path}")
            if method == "PUT":
                return hub.lfs_upload(match["oid"], body)
            return 200, {"ETag": f'"{match["oid"]}"'}, hub.storage[match["oid"]]

        user = self.user()
        if method in ("GET", "HEAD"):
            if path == "/api/whoami-v2":
                return hub.whoami(user)
            if match := re.fullmatch(rf"/api/{REPOSITORY}(/revision/(?P<revision>[^/]+))?", path):
                repository = hub.find(user, match["kind"], match["id"])
                return hub.information(repository, match["id"], match["revision"] or "main")
            if match := re.fullmatch(rf"/api/{REPOSITORY}/tree/(?P<revision>[^/]+)", path):
                repository = hub.find(user, match["kind"], match["id"])
                return hub.tree(repository, match["revision"], query, hub.url + path)
            if match := re.fullmatch(rf"{FOLDER}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", path):
                repository = hub.find(user, "space" if match["prefix"] else "model", match["id"])
                return hub.resolve(repository, match["revision"], match["path"])
            raise Refusal(404, f"No such address: {path}")

        if match := re.fullmatch(rf"/api/{REPOSITORY}/commit/(?P<revision>[^/]+)", path):
            repository = hub.find(user, match["kind"], match["id"], write="create_pr" not in query)
            return hub.commit(repository, match.groupdict(), query, [json.loads(line) for line in body.splitlines()])
        content = json.loads(body or b"{}")
        if path == "/api/repos/create":
            return hub.create(user, content)
        if path == "/api/validate-yaml":
            return hub.validate(content)
        if path == "/api/lfs-verify":
            return hub.lfs_verify(content)
        if match := re.fullmatch(rf"/api/{REPOSITORY}/branch/(?P<branch>[^/]+)", path):
            return hub.branch(hub.find(user, match["kind"], match["id"], write=True), match["branch"], content)
        if match := re.fullmatch(rf"/api/{REPOSITORY}/preupload/(?P<revision>[^/]+)", path):
            repository = hub.find(user, match["kind"], match["id"], write="create_pr" not in query)
            return hub.preupload(repository, match["revision"], content)
        if match := re.fullmatch(rf"/api/{REPOSITORY}/variables", path):
            return hub.variable(hub.find(user, match["kind"], match["id"], write=True), content)
        if match := re.fullmatch(rf"{FOLDER}\.git/info/lfs/objects/batch", path):
            hub.find(user, "space" if match["prefix"] else "model", match["id"])
            return hub.lfs_batch(match["id"], content)
        raise Refusal(404, f"No such address: {path}")

    def reply(self, status: int, headers: dict, content: bytes, cut: bool) -> None:
        if status == 200 and (span := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))):
            start, end = int(span[1]), min(int(span[2] or len(content) - 1), len(content) - 1)
            headers = headers | {"Content-Range": f"bytes {start}-{end}/{len(content)}"}
            status, content = 206, content[start : end + 1]
        self.send_response(status)
        for name, value in ({"Access-Control-Allow-Origin": "*", "Accept-Ranges": "bytes"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection |= cut
