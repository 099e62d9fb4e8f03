"""The page against onnxruntime-web's wasm build: the same weights, the same browser, turn by turn.

    pip install --no-deps onnx==1.17.0
    python tests/bench/page_vs_onnxruntime.py [--web web] [--rounds 7]

Translates the page's default model to ONNX, its weights stored in as many bits as in the page's files, and prints
milliseconds and their ratio (page / onnxruntime-web, below 1 the page is faster): for the first verdict after a warm
load (files in the browser's cache, from the first import to P(real)) and for later ones, the photo taken as it is; and
for all that the page does with a photo, its faces searched and cut out, where onnxruntime-web still takes the photo as
it is. It does without the evidence map and without a check of the files' sha256, too. Both get the same JPEG bytes,
decode and resize them with the page's own code, and use one thread.
"""

import argparse
import base64
import contextlib
import functools
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from playwright.sync_api import sync_playwright
from skimage import data
from table import row
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import CHROMIUM_OPTIONS, Site, draw, encode  # noqa: E402

LATER = 12  # Verdicts after the first one of each load, on each photo.

# What each side is timed at: `load` is one of PROGRAMS.
ROUND = """async ({ names, later, size }) => {
  const load = %s;
  const photos = await Promise.all(names.map(async (name) => (await fetch(name)).blob()));
  const from = performance.now();
  const { judge, judgeFaces, close } = await load(size);
  const pReal = [(await judge(photos[0])).pReal];
  const answer = { first: performance.now() - from };
  for (const name of names) answer[name] = { later: [], everything: [] };
  for (let i = 0; i < later; i++) {
    for (const [index, photo] of photos.entries()) {
      const times = answer[names[index]];
      const start = performance.now();
      pReal[index] = (await judge(photo)).pReal;
      const between = performance.now();
      times.later.push(between - start);
      await judgeFaces(photo);
      times.everything.push(performance.now() - between);
    }
  }
  await close();
  return { ...answer, pReal };
}"""

PROGRAMS = {
    "page": """async () => {
  const { loadDetector } = await import('./web/detector.js');
  const { classify, close } = await loadDetector();
  const judge = async (photo) => ({ pReal: (await classify(photo, { asIs: true })).faces[0].p_real });
  return { judge, judgeFaces: classify, close };
}""",
    "onnxruntime-web": """async (size) => {
  const [ort, { decode, resize }] = await Promise.all([import('./ort/ort.wasm.min.mjs'), import('./web/photo.js')]);
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create('model.onnx', { executionProviders: ['wasm'] });
  const judge = async (photo) => {
    const pixels = await decode(photo, { formats: ['JPEG'], max_pixels: 25e6, max_bytes: 25e6 });
    const input = new ort.Tensor('float32', resize(pixels, size), [1, size, size, 3]);
    const [pReal] = (await session.run({ pixels: input })).p_real.data;
    return { pReal };
  };
  return { judge, judgeFaces: judge, close: () => session.release() };
}""",
}


class Translator:
    """One TensorFlow.js graph model made ONNX, from the resized pixels to P(real); four-dimensional tensors in NCHW."""

    def __init__(self, folder: Path, size: int):
        """Read a model's folder; ``size`` is the height and width of what the network sees."""
        described = json.loads((folder / "model.json").read_text())
        self.size = size
        self.by_name = {node["name"]: node for node in described["modelTopology"]["node"]}
        outputs = [output["name"] for output in described["signature"]["outputs"].values()
                   if len(output["tensorShape"]["dim"]) == 2]  # fmt: skip
        self.output = outputs[0].partition(":")[0]
        self.weights = {}
        [group] = described["weightsManifest"]
        content = b"".join((folder / path).read_bytes() for path in group["paths"])
        for weight in group["weights"]:
            quantized = weight.get("quantization", {})
            dtype = np.dtype(quantized.get("dtype", weight["dtype"]))
            count = int(np.prod(weight["shape"]))
            stored = np.frombuffer(content, dtype, count).reshape(weight["shape"])
            self.weights[weight["name"]] = (stored, quantized.get("scale"), quantized.get("min", 0))
            content = content[stored.nbytes :]
        self.nodes, self.initializers, self.done, self.rank = [], [], {}, {}

    def made(self) -> onnx.ModelProto:
        """The ONNX model, from float32 (1, size, size, 3), RGB 0..255, to P(real).

        Raises:
            SystemExit: an operation that is not translated here.
        """
        self.node("Identity", self.translated(self.output), name="p_real")
        graph = helper.make_graph(
            self.nodes,
            "detector",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, self.size, self.size, 3])],
            [helper.make_tensor_value_info("p_real", TensorProto.FLOAT, [1, 1])],
            self.initializers,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(made)
        return made

    def node(self, kind: str, *inputs: str, name: str = "", **attributes) -> str:
        name = name or f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def stored(self, name: str, form) -> str:
        """A weight in the bits of the page's file, after ``form``; onnxruntime unfolds it when it loads."""
        values, scale, least = self.weights[name]
        constant = self.constant(form(values))
        if values.dtype == np.float32:
            return constant
        wide = self.node("Cast", constant, to=TensorProto.FLOAT)
        if scale is None:  # float16
            return wide
        scaled = self.node("Mul", wide, self.constant(np.float32(scale)))
        return self.node("Add", scaled, self.constant(np.float32(least)))

    def values(self, name: str) -> np.ndarray:
        return self.weights[name][0]

    def translated(self, name: str) -> str:
        name = name.partition(":")[0]
        if name not in self.done:
            self.done[name] = self.translate(name)
        return self.done[name]

    def operand(self, name: str, rank: int) -> str:
        """An input of an elementwise operation, a constant one shaped to be broadcast."""
        if name not in self.weights:
            return self.translated(name)
        return self.stored(name, lambda values: values.reshape(-1, 1, 1) if rank == 4 and values.size > 1 else values)

    def translate(self, name: str) -> str:
        node = self.by_name[name]
        inputs = [each.partition(":")[0] for each in node.get("input", []) if not each.startswith("^")]
        attributes = node.get("attr", {})
        kind = node["op"].removeprefix("_Fused").replace("2dNative", "2D")

        def numbers(key: str) -> list[int]:
            return [int(i) for i in attributes[key]["list"]["i"]][1:3]

        def padded() -> dict:
            same = base64.b64decode(attributes["padding"]["s"]) == b"SAME"
            return {"strides": numbers("strides"), "auto_pad": "SAME_UPPER" if same else "VALID"}

        fused = [base64.b64decode(each) for each in attributes.get("fused_ops", {}).get("list", {}).get("s", [])]
        if kind == "Placeholder":
            self.rank[name] = 4
            return self.node("Transpose", name, perm=[0, 3, 1, 2])
        if kind in ("Reshape", "ResizeBilinear", "Mean"):  # Shapes and axes are settled below.
            inputs = inputs[:1]
        first, *_ = [self.translated(each) for each in inputs if each not in self.weights]
        self.rank[name] = rank = max(self.rank.get(each, 0) for each in inputs)
        match kind:
            case "Conv2D":
                kernel = self.stored(inputs[1], lambda values: values.transpose(3, 2, 0, 1))
                bias = [self.stored(inputs[2], np.ravel)] if b"BiasAdd" in fused else []
                x = self.node("Conv", first, kernel, *bias, **padded())
            case "DepthwiseConv2D":
                channels = self.values(inputs[1]).shape[2]
                height, width = self.values(inputs[1]).shape[:2]
                kernel = self.stored(inputs[1], lambda v: v.transpose(2, 3, 0, 1).reshape(-1, 1, height, width))
                bias = [self.stored(inputs[2], np.ravel)] if b"BiasAdd" in fused else []
                x = self.node("Conv", first, kernel, *bias, group=channels, **padded())
            case "MaxPool":
                x = self.node("MaxPool", first, kernel_shape=numbers("ksize"), **padded())
            case "Mean":
                x = self.node("Flatten", self.node("GlobalAveragePool", first))
                self.rank[name] = 2
            case "Reshape":  # Flatten, in TensorFlow's order.
                x = self.node("Flatten", self.node("Transpose", first, perm=[0, 2, 3, 1]))
                self.rank[name] = 2
            case "MatMul":
                bias = [self.stored(inputs[2], np.ravel)] if b"BiasAdd" in fused else []
                x = self.node("Gemm", first, self.stored(inputs[1], lambda values: values), *bias)
            case "ConcatV2":
                x = self.node("Concat", *map(self.translated, inputs[:-1]), axis=1)
            case "AddN" | "AddV2" | "BiasAdd":
                x = self.node("Sum" if len(inputs) > 2 else "Add", *(self.operand(each, rank) for each in inputs))
            case "Mul" | "Sub":
                x = self.node(kind, *(self.operand(each, rank) for each in inputs))
            case "Square":
                x = self.node("Mul", first, first)
            case "ResizeBilinear" | "Identity":
                x = first
            case "Relu" | "Sigmoid":
                x = self.node(kind, first)
            case _:
                raise SystemExit(f"{node['op']} ({name}) is not translated here.")
        for after in (each.decode() for each in fused if each != b"BiasAdd"):
            if after not in ("Relu", "Sigmoid"):
                raise SystemExit(f"{after}, fused into {name}, is not translated here.")
            x = self.node(after, x)
        return x


def measure(folder: Path, photos: list[str], size: int, rounds: int) -> dict[str, dict]:
    """{"page" and "onnxruntime-web": {"first": [ms], "p_real": [float], photo: {what: [ms]}}}."""
    found = {name: {"first": []} | {photo: {} for photo in photos} for name in PROGRAMS}
    site = Site(folder)
    with (
        sync_playwright() as p,
        contextlib.closing(
            p.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_OPTIONS)
        ) as chromium,
    ):
        context = chromium.new_context()
        for turn in tqdm(range(rounds + 1), desc="rounds"):
            for name, program in PROGRAMS.items():
                page = context.new_page()
                page.goto(site.url + "empty.html")
                answer = page.evaluate(ROUND % program, {"names": photos, "later": LATER, "size": size})
                page.close()
                if not turn:  # The first one fills the browser's cache.
                    continue
                found[name]["first"].append(answer["first"])
                found[name]["p_real"] = answer["pReal"]
                for photo in photos:
                    for what, times in answer[photo].items():
                        found[name][photo].setdefault(what, []).extend(times)
    site.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--web", type=Path, default=ROOT / "web", help="the page's folder")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    model = args.web / json.loads((args.web / "models.json").read_text())[0]["folder"]
    info = json.loads((model / "detector.json").read_text())
    size = info["input"]["size"]
    face = Image.fromarray(data.astronaut()).crop((140, 40, 310, 210)).resize((256, 256), Image.Resampling.BICUBIC)
    photos = {"face.jpg": face, "no-face.jpg": draw(256, 256, 1)}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        onnx.save(Translator(model, size).made(), folder / "model.onnx")
        (folder / "empty.html").write_text("<!doctype html><title>bench</title>")
        for name, photo in photos.items():
            (folder / name).write_bytes(encode(photo, "JPEG", quality=75))
        (folder / "web").symlink_to(args.web.resolve())
        (folder / "ort").symlink_to(ROOT / "tests/node_modules/onnxruntime-web/dist")
        found = measure(folder, list(photos), size, args.rounds)

    def compare(what: str, *keys: str) -> None:
        ours, theirs = (statistics.median(functools.reduce(dict.get, keys, each)) for each in found.values())
        print(row(f"In Chromium, {info['name']}: {what}", "ms", ("the page", ours), ("onnxruntime-web", theirs)))

    print(f"{info['name']}, P(real): " + "; ".join(f"{name} {each['p_real']}" for name, each in found.items()))
    np.testing.assert_allclose(*(each["p_real"] for each in found.values()), atol=0.001)
    compare("first verdict", "first")
    compare("later verdict", "face.jpg", "later")
    for name in photos:
        compare(f"{name}, each face of it in the page", name, "everything")


if __name__ == "__main__":
    main()
