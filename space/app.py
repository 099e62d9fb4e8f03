"""DeepFaceDetect as a Gradio app.

    python app.py        serves http://127.0.0.1:7860
"""

import json
import os
from pathlib import Path
from typing import TypedDict

import gradio as gr
import numpy as np
from gradio.components.api_component import Api
from gradio.utils import get_upload_folder
from gradio_client.utils import python_type_to_json_schema

import charts
import views
from detector import DETECTOR, MODEL, Detector, Verdict, find_models, models_folder
from faces import advice, aligned_crop, find_faces, situation
from uploads import MAX_PHOTO_BYTES, MAX_PHOTOS, MAX_UPLOAD_BYTES, Picture, list_pictures, megabytes
from vendor.photo import PhotoError, read_photo

HERE = Path(__file__).parent
EXAMPLES = {
    "astronaut.jpg": "A photo of a person",
    "astronaut-face.jpg": "The same, cut to the face",
    "drawing.jpg": "No face, no photo",
}
AT_ONCE = 2  # Photos judged at the same time: a free Space has two cores.
MAX_WAITING = 40  # Requests in the queue; past it a visitor is told to come back.

# What the server does with a listener's values otherwise: gr.Image decodes the file itself, and answers what it
# can't decode with "Error". Unprocessed, files are still checked to be uploads, and come as {"path", "orig_name"}.
AS_SENT = {"preprocess": False}

THEME = gr.themes.Soft(
    primary_hue="blue", neutral_hue="slate", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
)
ANNOUNCED = "element.setAttribute('aria-live', 'polite')"  # Screen readers say what changes inside.
TELL_WHICH = """element.addEventListener('click', ({target}) => {
  const index = [...element.querySelectorAll('button')].indexOf(target.closest('button'));
  if (index >= 0) trigger('click', {index});
})"""
INVITATION = "Choose, paste or take a photo, or click an example."
# Not in style.css, whose rules Gradio confines to what lies inside these margins.
NARROW_MARGINS = "<style>@media (max-width: 30rem) { .app.app { padding: 1rem 0.5rem } }</style>"
COVER = "(share) => document.querySelectorAll('.cover').forEach(({style}) => (style.opacity = share))"


class BatchVerdict(TypedDict):
    """What a detector says of one of many files: a Verdict, or why there is none."""

    file: str  # Its name, with its folder inside a zip.
    error: str | None  # A sentence for the person who sent the file.
    verdict: str | None
    p_real: float | None
    p_fake: float | None
    unsure: bool | None
    threshold: float | None
    model: str | None


def sent(file: dict) -> Picture:
    """An uploaded file.

    Raises:
        gr.Error: it is something else; gr.Image takes any path of the server that comes without Gradio's "meta" mark.
    """
    if not file["path"] or not Path(file["path"]).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise gr.Error("This is no upload; send the file first.", print_exception=False)
    return Picture(file["orig_name"] or "photo", Path(file["path"]))


def judge(detector: Detector, picture: Picture) -> tuple[Verdict, np.ndarray, np.ndarray | None]:
    """The verdict on one picture, its pixels, and the evidence map if the model draws one.

    Raises:
        PhotoError: it can't be judged; the message is for the person who chose it.
    """
    pixels = read_photo(picture.read())
    p_real, evidence = detector.look(pixels)
    return detector.verdict(p_real), pixels, evidence


def about_faces(detector: Detector, pixels: np.ndarray) -> str:
    """HTML on what the faces in a photo mean for its verdict, with that of a small face alone; "" when all is well."""
    found, (height, width) = find_faces(pixels), pixels.shape[:2]
    sentence = advice(found, width, height)
    if situation(found, width, height) == "small":
        verdict = detector.verdict(detector.look(aligned_crop(pixels, found[0]))[0])
        sentence += f" {100 * verdict['p_real']:.1f} % real. {views.words(verdict, detector.info)}."
    return views.notice(sentence) if sentence else ""


def judge_many(detector: Detector, files: list[dict] | None, progress=iter) -> list[BatchVerdict]:
    """One row for each picture among the uploaded files."""
    rows = []
    for picture in progress(list_pictures([sent(file) for file in files or []])):
        row = dict.fromkeys(BatchVerdict.__annotations__) | {"file": picture.name}
        try:
            row |= judge(detector, picture)[0]
        except PhotoError as error:
            row["error"] = str(error)
        rows.append(row)
    return rows


def picked(detectors: dict[str, Detector], model: str | None) -> Detector:
    """The detector of that name; the first for None.

    Raises:
        gr.Error: there is none.
    """
    if model is None:
        return next(iter(detectors.values()))
    if model not in detectors:
        raise gr.Error(f"There is no such model; choose one of: {', '.join(detectors)}.", print_exception=False)
    return detectors[model]


def typed(label: str, result: type) -> Api:
    """An output that the API's documentation describes by a Python type."""
    return Api(None, python_type_to_json_schema(result), label)


def choice(detectors: dict[str, Detector]) -> gr.Dropdown:
    """Which model judges; shown where there is a choice."""
    names = list(detectors)
    return gr.Dropdown(names, value=names[0], label="Model", visible=len(names) > 1)


def check_a_photo(detectors: dict[str, Detector]) -> None:
    """The first tab, and /predict."""

    def show(detector: Detector, picture: Picture) -> tuple[str, str, str]:
        verdict, pixels, evidence = judge(detector, picture)
        card = about_faces(detector, pixels) + views.verdict_card(verdict, detector.info)
        return card, views.spectrum(pixels), views.evidence_overlay(pixels, evidence)

    def check(photo: dict | None, model: str):
        if not photo:
            return gr.skip(), views.notice(INVITATION), "", ""
        try:
            return gr.skip(), *show(picked(detectors, model), sent(photo))
        except PhotoError as error:
            return None, views.error_card(str(error)), "", ""  # The browser could not show such a file anyway.

    def check_example(model: str, event: gr.EventData):
        path = HERE / "examples" / list(EXAMPLES)[event.index]
        return str(path), *show(picked(detectors, model), Picture(path.name, path))

    def predict(photo: dict | None, model: str | None):
        """Judge one photo.

        photo: a JPEG, PNG or WebP file. model: a name of the Models tab; null or nothing for the first.

        Returns verdict ("real", "fake" or "unsure"), p_real and p_fake (0..1, their sum is 1), unsure,
        threshold (P(real) from which a photo is called real) and the model's name.
        """
        if not photo:
            raise gr.Error("Choose a photo first.", print_exception=False)
        try:
            return judge(picked(detectors, model), sent(photo))[0]
        except PhotoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    with gr.Row(equal_height=False):
        with gr.Column():
            photo = gr.Image(
                format="jpeg",  # Of webcam pictures.
                sources=["upload", "clipboard", "webcam"],
                label="Photo",
                placeholder=f"# Choose a photo\nor drop it here: JPEG, PNG, WebP, {megabytes(MAX_PHOTO_BYTES)} at most",
                height=360,
                buttons=[],
                alt_text="The photo to judge",
            )
            model = choice(detectors)
            button = gr.Button("Judge", variant="primary")
            pictures = [(title, (HERE / "examples" / name).read_bytes()) for name, title in EXAMPLES.items()]
            examples = gr.HTML(views.example_buttons(pictures), js_on_load=TELL_WHICH)
        with gr.Column():
            verdict = gr.HTML(views.notice(INVITATION), elem_id="verdict", js_on_load=ANNOUNCED, min_height=150)
            with_evidence = any(detector.has_evidence for detector in detectors.values())
            with gr.Accordion("Where it looks fake", open=True, visible=with_evidence):
                evidence = gr.HTML()
                cover = gr.Slider(0, 1, value=0.6, step=0.05, label="Cover")
                cover.input(None, cover, None, js=COVER)
            with gr.Accordion("Frequency spectrum", open=False):
                spectrum = gr.HTML()

    shown = [verdict, spectrum, evidence]
    private = {"api_visibility": "private", "show_progress_on": [verdict]}
    # By default what is chosen while an earlier photo is still being judged would be dropped without a word.
    asked = [button.click, photo.input, model.input]
    gr.on(asked, check, [photo, model], [photo, *shown], trigger_mode="always_last", **AS_SENT, **private)
    examples.click(check_example, [model], [photo, *shown], **private)
    gr.on([], predict, [photo, model], typed("verdict", Verdict), api_name="predict", **AS_SENT)


def check_many(detectors: dict[str, Detector]) -> None:
    """The second tab, and /predict_batch."""

    def check(files: list[dict] | None, model: str, progress=gr.Progress()):  # noqa: B008
        if not files:
            return views.notice("Choose some photos, or a zip of them.")
        detector = picked(detectors, model)
        rows = judge_many(detector, files, lambda pictures: progress.tqdm(pictures, desc="Judging", unit="photos"))
        return views.batch_table(rows, detector.info)

    def predict_batch(files: list[dict] | None, model: str | None):
        """Judge many photos.

        files: JPEG, PNG or WebP files, or zips of them, 100 photos in all. model: a name of the Models tab; null
        or nothing for the first.

        Returns a list with one entry for each photo: file (its name), error (null, or why there is no verdict),
        and what /predict returns, null where there is an error.
        """
        return judge_many(picked(detectors, model), files)

    gr.Markdown(
        f"Up to {MAX_PHOTOS} photos at once, single or in zips; "
        f"{megabytes(MAX_PHOTO_BYTES)} a photo, {megabytes(MAX_UPLOAD_BYTES)} a zip."
    )
    files = gr.File(file_count="multiple", label="Photos or zips", height=180)
    model = choice(detectors)
    button = gr.Button("Judge all", variant="primary")
    table = gr.HTML(js_on_load=ANNOUNCED, min_height=120)
    one_by_one = {"concurrency_limit": 1, "concurrency_id": "many"}
    gr.on([button.click], check, [files, model], table, api_visibility="private", **AS_SENT, **one_by_one)
    result = typed("verdicts", list[BatchVerdict])
    gr.on([], predict_batch, [files, model], result, api_name="predict_batch", **AS_SENT, **one_by_one)


def how_it_works(detectors: dict[str, Detector]) -> None:
    """The last tab: data, networks, limits, licence, links."""
    text = (HERE / "how_it_works.md").read_text()
    for detector in detectors.values():
        text = text.replace("{learnt_from}", f"{charts.learnt_from(detector.info)}\n\n{{learnt_from}}")
    before, after = text.replace("{learnt_from}", "").split("{architecture}")
    gr.Markdown(before)
    gr.HTML("".join(charts.architecture(name, detector.layers) for name, detector in detectors.items()))
    gr.Markdown(after)


def links() -> str:
    """Where the same model runs in the browser, and where its weights are from, as far as this Space was told."""
    said = []
    if page := os.environ.get("PAGE_URL"):
        said.append(f"The same model runs offline, in your browser: [{page}]({page})")
    if repository := os.environ.get("DETECTOR_REPO"):
        said.append(f"[The weights](https://huggingface.co/{repository.partition('@')[0]})")
    return " · ".join(said)


def build(folder: Path) -> gr.Blocks:
    """The app around the models of a folder."""
    folders = find_models(folder)
    detectors = {name: Detector(path) for name, path in folders.items() if (path / MODEL).exists()}
    cards = [
        charts.model_card(json.loads((path / DETECTOR).read_text()), trained=name in detectors)
        for name, path in folders.items()
    ]
    with gr.Blocks(title="DeepFaceDetect", analytics_enabled=False, delete_cache=(600, 3600)) as app:
        gr.Markdown(f"# DeepFaceDetect\nIs this face a photograph, or did StyleGAN make it?\n\n{links()}")
        with gr.Tabs():
            with gr.Tab("Check a photo"):
                check_a_photo(detectors)
            with gr.Tab("Check many"):
                check_many(detectors)
            with gr.Tab("Models"):
                gr.HTML("".join(cards))
            with gr.Tab("How it works"):
                how_it_works(detectors)
    return app.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE)


if __name__ == "__main__":
    build(models_folder()).launch(
        max_file_size=MAX_UPLOAD_BYTES,
        theme=THEME,
        css_paths=HERE / "style.css",
        head=NARROW_MARGINS,
        footer_links=["api"],
        share=False,
        enable_monitoring=False,
    )
