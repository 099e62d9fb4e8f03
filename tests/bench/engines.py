"""What one verdict's network takes in each engine, on two threads, turn by turn in one run.

    pip install --no-deps onnx==1.17.0 onnxruntime==1.32.0
    python tests/bench/engines.py [--model NAME] [--rounds 15]

LiteRT runs the Space's file, TensorFlow and JAX the Keras file beside it, onnxruntime the page's file translated to
ONNX, each in a process of its own. Prints what each answers, how long its first answer takes, loading included, and the
median of the rounds.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from table import row

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
THREADS = 2


def litert(name: str) -> Callable[[np.ndarray], float]:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(str(ROOT / f"space/models/{name}/model.tflite"), num_threads=THREADS)
    network.allocate_tensors()
    pixels, outputs = network.get_input_details()[0]["index"], network.get_output_details()
    p_real = next(output["index"] for output in outputs if len(output["shape"]) == 2)

    def run(photo: np.ndarray) -> float:
        network.set_tensor(pixels, photo)
        network.invoke()
        return float(network.get_tensor(p_real)[0, 0])

    return run


def onnxruntime(name: str) -> Callable[[np.ndarray], float]:
    import onnxruntime
    from page_vs_onnxruntime import Translator

    size = json.loads((ROOT / f"space/models/{name}/detector.json").read_text())["input"]["size"]
    content = Translator(ROOT / f"web/models/{name}", size).made().SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda photo: float(session.run(None, {"pixels": photo})[0].item())


def tensorflow(name: str) -> Callable[[np.ndarray], float]:
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    network = keras.saving.load_model(ROOT / f"space/models/{name}/model.keras", compile=False)
    graph = tf.function(lambda photo: network(photo, training=False)[0])
    return lambda photo: float(graph(photo).numpy()[0, 0])


def jax(name: str) -> Callable[[np.ndarray], float]:
    import jax
    import keras

    network = keras.saving.load_model(ROOT / f"space/models/{name}/model.keras", compile=False)
    weights = [[w.value for w in some] for some in (network.trainable_variables, network.non_trainable_variables)]
    compiled = jax.jit(lambda weights, photo: network.stateless_call(*weights, photo, training=False)[0][0])
    return lambda photo: float(compiled(weights, photo)[0, 0])


ENGINES = {"LiteRT": litert, "onnxruntime": onnxruntime, "TensorFlow": tensorflow, "JAX": jax}


def work(engine: str, name: str, photo: np.ndarray, asked: Connection) -> None:
    """In its own process: load, answer once, then answer as often as asked; sends what each takes, in seconds."""
    os.environ["KERAS_BACKEND"] = "jax" if engine == "JAX" else "tensorflow"
    start = time.perf_counter()
    run = ENGINES[engine](name)
    p_real = run(photo)
    asked.send((time.perf_counter() - start, p_real))
    while asked.recv():
        start = time.perf_counter()
        run(photo)
        asked.send(time.perf_counter() - start)


def main() -> None:
    """Run the benchmark and print its table."""
    from conftest import SPACE_MODEL  # Not above: each engine's process reads this file anew, and needs none of it.

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=SPACE_MODEL.name, help="%(default)s unless another is named")
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    size = json.loads((ROOT / f"space/models/{args.model}/detector.json").read_text())["input"]["size"]
    photo = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    context = multiprocessing.get_context("spawn")
    workers, loaded, times = {}, {}, {engine: [] for engine in ENGINES}
    for engine in ENGINES:
        here, there = context.Pipe()
        context.Process(target=work, args=(engine, args.model, photo, there), daemon=True).start()
        workers[engine], loaded[engine] = here, here.recv()
    for _ in range(args.rounds):
        for engine, worker in workers.items():
            worker.send(True)
            times[engine].append(1000 * worker.recv())
    for worker in workers.values():
        worker.send(False)
    for engine, (seconds, p_real) in loaded.items():
        print(f"{engine}: P(real) {p_real:.6f}, first answer {seconds:.2f} s, best {min(times[engine]):.1f} ms")
        np.testing.assert_allclose(p_real, loaded["LiteRT"][1], atol=0.001)
    medians = {engine: statistics.median(taken) for engine, taken in times.items()}
    ours = ("LiteRT", medians.pop("LiteRT"))
    for beside in medians.items():
        print(row(f"One verdict's network, {args.model}, {THREADS} threads", "ms", ours, beside))


if __name__ == "__main__":
    main()
