"""Copy into the Space and the page what they hold of others, so that each can be deployed alone.

    npm ci --prefix tests && python -m export vendor

``web/vendor/`` gets TensorFlow.js, fflate and icodec's decoders of AVIF and WebP from ``tests/node_modules``, the last
without the code that they make from text, and from ``train/chain`` what both must agree on about faces;
``space/chain/`` is ``train/chain/`` again, since a Space can't import from outside its folder, ``web/examples/`` is
``space/examples/`` again, and ``web/zips.js`` is ``space/zips.json``.
BlazeFace goes to both: as it is to ``train/chain/``, converted to the page. ``web/files.js`` lists the page's files.
The tests fail when a copy differs from its source, or the list from the files: run this after any change in ``web/``.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints

from typing_extensions import ReadOnly, is_typeddict

from export.artifact.listing import write_listing
from export.upkeep import faces
from train.chain import info
from train.run import sha256

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests/node_modules"
CHAIN = ROOT / "train/chain"
SPACE_CHAIN = ROOT / "space/chain"
EXAMPLES = ROOT / "space/examples"
ZIPS = ROOT / "space/zips.json"
BLAZEFACE = NODE / "@mediapipe/face_detection/face_detection_short_range.tflite"
ICODEC = NODE / "icodec"
DECODERS = {  # With the SHA-256 of what DECODER_CHANGES is for.
    "avif-dec.js": "2093bc2364e7484fe60832b69c92139f20855b7961a988ab0a3c3b8b9c5ef273",
    "webp-dec.js": "770625490b2ff8033b914f59b3ce095d3b49e7a95d30b770da89cc5e1c711157",
}

COPIES = {
    ROOT / "web/vendor": [
        NODE / "@tensorflow/tfjs-core/dist/tf-core.es2017.min.js",
        NODE / "@tensorflow/tfjs-converter/dist/tf-converter.es2017.min.js",
        NODE / "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.es2017.min.js",
        NODE / "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm",
        NODE / "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
        NODE / "@tensorflow/tfjs-backend-webgl/dist/tf-backend-webgl.es2017.min.js",
        NODE / "@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.es2017.min.js",
        CHAIN / "faces.json",
    ],
    ROOT / "web/vendor/fflate": [NODE / "fflate/umd/index.js"],
    ROOT / "web/vendor/icodec": [
        *((ICODEC / "dist" / name).with_suffix(".wasm") for name in DECODERS),
        ICODEC / "LICENSE",
    ],
    CHAIN: [BLAZEFACE],
}
# (from this text, up to this one, what stands there instead): closures, as of Emscripten's -sDYNAMIC_EXECUTION=0.
DECODER_CHANGES = [
    ("function newFunc(", "function craftInvokerFunction(", ""),
    (
        "var closureArgs=[",
        "return createNamedFunction(humanName,invokerFn)",
        "var invokerFn=function(...args){var destructors=needsDestructorStack?[]:null;"
        "var wired=argTypes.slice(2).map((type,i)=>type.toWireType(destructors,args[i]));"
        "if(isClassMethodFunc)wired.unshift(argTypes[1].toWireType(destructors,this));"
        "var rv=cppInvokerFunc(cppTargetFunc,...wired);"
        "if(needsDestructorStack)runDestructors(destructors);"
        "else argTypes.slice(isClassMethodFunc?1:2).forEach((type,i)=>type.destructorFunction?.(wired[i]));"
        "if(returns)return argTypes[0].fromWireType(rv)};",
    ),
    (
        "var functionBody=",
        "var functionName=",
        "var invokerFunction=(obj,func,destructorsRef,args)=>{"
        "var values=types.map(type=>{"
        "var value=type.readValueFromPointer(args);args+=type.argPackAdvance;return value});"
        "var rv=kind===1?reflectConstruct(func,values):func.apply(obj,values);"
        "if(!retType.isVoid)return emval_returnValue(retType,destructorsRef,rv)};",
    ),
    ("if(typeof globalThis==", "var __emval_get_global=", "return globalThis};"),
]
# What icodec built its decoders of; packages.json names them beside it.
DECODER_PARTS = {
    "libwebp": ("BSD-3-Clause", "https://github.com/webmproject/libwebp"),
    "libavif": ("BSD-2-Clause", "https://github.com/AOMediaCodec/libavif"),
    "aom": ("BSD-2-Clause", "https://aomedia.googlesource.com/aom"),
    "libyuv": ("BSD-3-Clause", "https://chromium.googlesource.com/libyuv/libyuv"),
}
TYPE_SCRIPT = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null", Any: "any"}
CONVERTED = {ROOT / "web/vendor/blazeface": BLAZEFACE}
PACKAGES = "packages.json"
FACE_CHECK = "face-check.json"
TYPES, INFO_TYPES = "detector.d.ts", "info.d.ts"


def vendor(args: argparse.Namespace) -> None:
    """Replace the copies, and note each npm package's version and licence beside them in ``packages.json``."""
    for folder, sources in COPIES.items():
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copyfile(source, folder / source.name)
        (folder / PACKAGES).write_text(json.dumps(packages(folder), indent=2) + "\n")
    for name in DECODERS:
        script = (ICODEC / "dist" / name).read_text()
        (ROOT / "web/vendor/icodec" / name).write_text(without_dynamic_code(name, script))
    for folder, source in CONVERTED.items():
        faces.convert(source, folder)
    copy_chain()
    copy_examples()
    (ROOT / "web/zips.js").write_text(zips_module())
    write_face_check()
    write_types()
    write_listing(ROOT / "web")


def without_dynamic_code(name: str, script: str) -> str:
    """One of icodec's decoders with closures in place of the functions that it makes from text.

    Raises ValueError if the script isn't the one that the changes were written for.
    """
    if hashlib.sha256(script.encode()).hexdigest() != DECODERS[name]:
        raise ValueError(f"{name} is not the one that DECODER_CHANGES is for; look through both.")
    for start, end, instead in DECODER_CHANGES:
        before, rest = script.split(start)
        script = before + instead + rest[rest.index(end) :]
    return (
        f"// icodec's dist/{name} (Copyright (c) 2024 Kaciras, MIT licence, see LICENSE), changed by "
        "`python -m export vendor`: closures in place of functions "
        "made from text, which the page's Content-Security-Policy forbids.\n"
    ) + script


def copy_chain() -> None:
    """Make the Space's copy of ``train/chain`` anew; the first line of each module says that it is one."""
    shutil.rmtree(SPACE_CHAIN, ignore_errors=True)
    SPACE_CHAIN.mkdir()
    for source in sorted(path for path in CHAIN.iterdir() if path.is_file()):
        note = b""
        if source.suffix == ".py":
            note = (
                f"# Copied from train/chain/{source.name} by `python -m export vendor`; edit the original.\n".encode()
            )
        (SPACE_CHAIN / source.name).write_bytes(note + source.read_bytes())


def copy_examples() -> None:
    """Make the page's copy of the Space's examples anew."""
    shutil.rmtree(ROOT / "web/examples", ignore_errors=True)
    shutil.copytree(EXAMPLES, ROOT / "web/examples")


def zips_module() -> str:
    """What the Space knows of zips, as a module of the page."""
    note = "// Copied from space/zips.json by `python -m export vendor`; edit the original.\n"
    return f"{note}export default {ZIPS.read_text().rstrip()};\n"


def write_types() -> None:
    """Write the types of the page's module: ``web/info.d.ts``, then ``web/detector.d.ts``, from its JSDoc."""
    (ROOT / "web" / INFO_TYPES).write_text(info_types())
    options = "--allowJs --declaration --emitDeclarationOnly --noResolve --target es2022 --module es2022".split()
    with tempfile.TemporaryDirectory() as folder:
        sources = [ROOT / "web" / name for name in ("detector.js", INFO_TYPES)]
        subprocess.run(["node", NODE / "typescript/bin/tsc", *options, "--outDir", folder, *sources], check=True)
        shutil.copyfile(Path(folder) / TYPES, ROOT / "web" / TYPES)


def info_types() -> str:
    """What detector.json holds, for TypeScript."""
    text = "// Made of train/chain/info.py, which says what each key holds, by `python -m export vendor`.\n"
    for name, kind in vars(info).items():
        if is_typeddict(kind):
            keys = get_type_hints(kind, include_extras=True).items()
            lines = [f"  {key}{'?' * (get_origin(of) is NotRequired)}: {type_script(of)};\n" for key, of in keys]
            text += f"export interface {name} {{\n{''.join(lines)}}}\n"
    return text


def type_script(kind) -> str:
    """A type of `train.chain.info` as TypeScript writes it; KeyError for one of another sort."""
    inner = [*map(type_script, get_args(kind))] if get_origin(kind) is not Literal else []
    match get_origin(kind):
        case None:
            return kind.__name__ if is_typeddict(kind) else TYPE_SCRIPT[kind]
        case outer if outer in (NotRequired, ReadOnly):
            return inner[0]
        case outer if outer in (Union, UnionType):
            return " | ".join(inner)
        case outer if outer is Literal:
            return " | ".join(map(json.dumps, get_args(kind)))
        case outer if outer is list:
            return f"{inner[0]}[]"
        case outer:
            return {dict: "Record<{}, {}>"}[outer].format(*inner)


def write_face_check() -> None:
    """Write the sha256 of each file that the page's face check loads, for the page to compare them with."""
    folder = ROOT / "web/vendor"
    files: dict[str, str | dict[str, str]] = {"faces.json": sha256(folder / "faces.json")}
    for network in CONVERTED:
        files[network.name] = {path.name: sha256(path) for path in sorted(network.iterdir())}
    (folder / FACE_CHECK).write_text(json.dumps(files, indent=2) + "\n")


def url(repository: str | dict) -> str:
    """npm has it in two forms."""
    return repository if isinstance(repository, str) else repository["url"]


def packages(folder: Path) -> dict[str, dict]:
    """{npm package: its version, licence and repository or home page} of what a folder of COPIES holds."""
    found = {}
    for source in [*COPIES[folder], *(source for inner, source in CONVERTED.items() if folder in inner.parents)]:
        if NODE not in source.parents:
            continue
        root = next(parent for parent in source.parents if (parent / "package.json").exists())
        package = json.loads((root / "package.json").read_text())
        found[package["name"]] = {
            "version": package["version"],
            "license": package["license"],
            "repository": package["homepage"] if "repository" not in package else url(package["repository"]),
        }
        if package["name"] == "icodec":
            versions = {part["name"]: part["version"] for part in json.loads((root / "versions.json").read_text())}
            for name, (license, repository) in DECODER_PARTS.items():
                version = versions.get(name, f"as libavif {versions['libavif']} takes it")
                found[name] = {"version": version, "license": license, "repository": repository}
    return found
