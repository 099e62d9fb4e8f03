"""The page against onnxruntime-web's wasm build: the same weights, the same browser, turn by turn.

    pip install onnx==1.17.0
    python tests/bench/page_vs_onnxruntime.py [--model space/model/model.keras] [--rounds 7]

Prints milliseconds and their ratio (page / onnxruntime-web, below 1 the page is faster) for the first verdict after
a warm load (files in the browser's cache, from the first import to P(real)) and for later ones. Both get the same
JPEG bytes and use the page's own decoding and resizing, one thread, and weights stored in 8 bits. The page checks
its files' sha256 and runs its self-test; onnxruntime-web does neither.
"""

import argparse
import contextlib
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import sync_playwright
from tensorflowjs.quantization import quantize_weights
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import CHROMIUM_OPTIONS, Site, draw, encode  # noqa: E402

LATER = 15  # Verdicts after the first one of each load.

PAGE = """async () => {
  const photo = await (await fetch('photo.jpg')).blob();
  const times = [performance.now()];
  const { loadDetector } = await import('./web/detector.js');
  const detector = await loadDetector({ backend: 'wasm' });
  let verdict;
  for (let i = 0; i <= LATER; i++) {
    verdict = await detector.classify(photo);
    times.push(performance.now());
  }
  detector.close();
  return { times, pReal: verdict.pReal };
}"""

ONNX = """async () => {
  const photo = await (await fetch('photo.jpg')).blob();
  const times = [performance.now()];
  const [ort, { decode, resize }] = await Promise.all([import('./ort/ort.wasm.min.mjs'), import('./web/photo.js')]);
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create('model.onnx', { executionProviders: ['wasm'] });
  let pReal;
  for (let i = 0; i <= LATER; i++) {
    const pixels = await decode(photo, { formats: ['JPEG'], max_pixels: 25e6 });
    const input = new ort.Tensor('float32', resize(pixels, SIZE), [1, SIZE, SIZE, 3]);
    [pReal] = (await session.run({ pixels: input })).p_real.data;
    times.push(performance.now());
  }
  await session.release();
  return { times, pReal };
}"""


def to_onnx(model: keras.Model) -> onnx.ModelProto:
    """The network behind its resizing, from float32 (1, size, size, 3), RGB 0..255, to P(real).

    Raises:
        SystemExit: a layer that is not translated here.
    """
    nodes, weights, count = [], [], iter(range(10_000))

    def node(kind: str, *inputs: str, **attributes) -> str:
        name = f"{kind}{next(count)}"
        nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(values: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(values), f"w{next(count)}"))
        return weights[-1].name

    def stored(values: np.ndarray) -> str:
        """In 8 bits, as in the page's files; onnxruntime unfolds it when it loads."""
        levels, scale = quantize_weights(values, np.uint8)
        wide = node("Mul", node("Cast", constant(levels), to=TensorProto.FLOAT), constant(np.float32(scale["scale"])))
        return node("Add", wide, constant(np.float32(scale["min"])))

    def activated(x: str, layer) -> str:
        names = {"relu": "Relu", "sigmoid": "Sigmoid", "linear": None}
        kind = names[layer.activation.__name__]
        return node(kind, x) if kind else x

    x = node("Transpose", "pixels", perm=[0, 3, 1, 2])
    for layer in model.layers:
        match layer:
            case keras.layers.InputLayer() | keras.layers.Resizing() | keras.layers.Dropout():
                pass
            case keras.layers.Rescaling():
                x = node("Mul", x, constant(np.float32(layer.scale)))
            case keras.layers.Conv2D():
                kernel, bias = layer.get_weights()
                x = activated(node("Conv", x, stored(kernel.transpose(3, 2, 0, 1)), stored(bias)), layer)
            case keras.layers.MaxPooling2D():
                x = node("MaxPool", x, kernel_shape=list(layer.pool_size), strides=list(layer.strides))
            case keras.layers.Flatten():
                x = node("Flatten", node("Transpose", x, perm=[0, 2, 3, 1]))
            case keras.layers.Dense():
                kernel, bias = layer.get_weights()
                x = activated(node("Gemm", x, stored(kernel), stored(bias)), layer)
            case _:
                raise SystemExit(f"{type(layer).__name__} is not translated; this bench is for the custom CNN.")
    nodes.append(helper.make_node("Identity", [x], ["p_real"]))
    size = model.get_layer("resize").height
    graph = helper.make_graph(
        nodes,
        "custom",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, size, size, 3])],
        [helper.make_tensor_value_info("p_real", TensorProto.FLOAT, [1, 1])],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def measure(folder: Path, size: int, rounds: int) -> dict[str, dict]:
    """{"page" and "onnxruntime-web": {"first": [ms], "later": [ms], "p_real": float}}."""
    programs = {"page": PAGE, "onnxruntime-web": ONNX}
    found = {name: {"first": [], "later": []} for name in programs}
    site = Site(folder)
    with sync_playwright() as p, contextlib.closing(
        p.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_OPTIONS)
    ) as chromium:
        context = chromium.new_context()
        for turn in tqdm(range(rounds + 1), desc="rounds"):
            for name, program in programs.items():
                page = context.new_page()
                page.goto(site.url + "empty.html")
                answer = page.evaluate(program.replace("LATER", str(LATER)).replace("SIZE", str(size)))
                page.close()
                if turn:  # The first one fills the browser's cache.
                    steps = np.diff(answer["times"])
                    found[name]["first"].append(steps[0])
                    found[name]["later"].extend(steps[1:])
                    found[name]["p_real"] = answer["pReal"]
    site.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "space/model/model.keras", help="of what web/model holds")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    model = keras.saving.load_model(args.model, compile=False)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        onnx.save(to_onnx(model), folder / "model.onnx")
        (folder / "empty.html").write_text("<!doctype html><title>bench</title>")
        (folder / "photo.jpg").write_bytes(encode(draw(256, 256, 1), "JPEG", quality=75))
        (folder / "web").symlink_to(ROOT / "web")
        (folder / "ort").symlink_to(ROOT / "tests/node_modules/onnxruntime-web/dist")
        found = measure(folder, model.get_layer("resize").height, args.rounds)
    page, other = found["page"], found["onnxruntime-web"]
    print(f"P(real): page {page['p_real']:.5f}, onnxruntime-web {other['p_real']:.5f}")
    for what in ("first", "later"):
        ours, theirs = (statistics.median(each[what]) for each in (page, other))
        print(f"{what} verdict: page {ours:.0f} ms, onnxruntime-web {theirs:.0f} ms, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
