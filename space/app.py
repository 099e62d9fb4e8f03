"""DeepFaceDetect as a Gradio app.

    python app.py

serves it on http://127.0.0.1:7860.
"""

# ruff: noqa: E402
import gc

gc.disable()  # What is imported stays; looking through it for garbage again and again would take a fifth of the start.

import ctypes
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio_client.utils import is_file_obj_with_meta
from markupsafe import escape
from starlette.middleware import Middleware

import charts
import views
from chain.read import MAX_BYTES, PhotoError, read_photo
from detector import AGAIN, MODEL, Detector, ModelError, find_models, models_folder
from judging import Answer, Row, judge, judge_many
from uploads import MAX_PHOTOS, MAX_UPLOAD_BYTES, FetchNothing, Picture, list_pictures, megabytes

gc.freeze()
gc.enable()

HERE = Path(__file__).parent
EXAMPLES_FOLDER = HERE / "examples"
EXAMPLES = {
    "astronaut.jpg": "A photo of a person",
    "fake.jpg": "A StyleGAN fake",
    "group.jpg": "A group of both",
    "drawing.jpg": "No face",
}
AT_ONCE = 2  # Photos judged at the same time: a free Space has two cores.
MAX_WAITING = 40  # Requests in the queue; past it a visitor is told to come back.
# Seconds: uploads older than KEEP are looked for every CLEAN_EVERY, so that none is there after an hour.
CLEAN_EVERY, KEEP = 300, 3300

# What the webcam takes is sent as PNG: no larger than this, it is never larger than MAX_BYTES.
WEBCAM = {"video": {"width": {"max": 1280}, "height": {"max": 720}}}

# What the server does with a listener's values otherwise: gr.Image decodes the file itself, and answers what it
# can't decode with "Error". Unprocessed, files are still checked to be uploads, and come as {"path", "orig_name"}.
AS_SENT: dict[str, Any] = {"preprocess": False}

THEME = gr.themes.Soft(
    primary_hue="blue", neutral_hue="slate", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
).set(  # Soft's own colours of these are too pale to read on white (WCAG AA).
    color_accent="*primary_700",
    block_label_text_color="*primary_700",
    block_title_text_color="*primary_700",
    button_primary_background_fill="*primary_600",
    button_primary_background_fill_hover="*primary_700",
    button_primary_background_fill_dark="*primary_700",
    button_primary_background_fill_hover_dark="*primary_600",
    body_text_color_subdued="*neutral_500",
    checkbox_border_color="*neutral_500",
)
ANNOUNCED = "element.setAttribute('aria-live', 'polite')"  # Screen readers say what changes inside.
CHOOSE = f"Choose a photo or drop it here, {megabytes(MAX_BYTES)} at most"
# Gradio's upload buttons have other names for screen readers than they read; so, they have the same.
TEXTS = {
    "image.drop_to_upload": CHOOSE,
    "upload_text.drop_file": "Click to upload",
    "upload_text.click_to_upload": "drop files",
}
INVITATION = "Choose, paste or take a photo, or click an example."
NOTHING = views.notice("Nothing to show yet.")
# Not in style.css, whose rules Gradio confines to what lies inside these margins. The theme has one accent for light
# and dark.
HEAD = """<style>
@media (max-width: 30rem) { .app.app { padding: 1rem 0.5rem } }
:root .dark.dark { --color-accent: var(--primary-400) }
</style>"""
# On the page, not on the map: the next photo's map is to be covered by it too.
COVER = "(share) => document.body.style.setProperty('--cover', share)"


def sent(file: object) -> Picture:
    """An uploaded file, of whatever a call holds in its place.

    Raises:
        gr.Error: it is something else.
    """
    if isinstance(file, dict) and "://" in str(file.get("path")):
        raise gr.Error("Addresses are not fetched; download the picture and send the file.", print_exception=False)
    # Of a file with this mark, Gradio has made sure that it was uploaded.
    if not (isinstance(file, dict) and is_file_obj_with_meta(file)):
        raise gr.Error("This is no upload; send the file first (in Python: handle_file(path)).", print_exception=False)
    return Picture(file.get("orig_name") or Path(file["path"]).name, Path(file["path"]))


def pictures_of(files: Sequence[object] | None) -> tuple[list[Picture], int]:
    """What `list_pictures` says of the uploaded files."""
    return list_pictures([sent(file) for file in files or []])


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


def choice(detectors: dict[str, Detector]) -> tuple[gr.Dropdown, gr.Checkbox]:
    """Which model judges, shown where there is a choice; and whether it judges pictures as they are."""
    names = list(detectors)
    model = gr.Dropdown(names, value=names[0], label="Model", visible=len(names) > 1)
    as_is = gr.Checkbox(
        label="Judge as it is", info="For pictures that were cut to one upright face already, as in Flickr-Faces-HQ."
    )
    return model, as_is


def check_a_photo(detectors: dict[str, Detector]) -> None:
    """The first tab, and /predict."""

    def check(photo: dict | None, model: str, as_is: bool) -> tuple[str, str, str]:
        if not photo:
            return views.notice(INVITATION), "", ""
        detector = picked(detectors, model)
        try:
            found = judge(detector, sent(photo), as_is)
        except PhotoError as error:
            return views.error_card(str(error)), "", ""
        card = views.verdict_card(found, detector.info)
        return card, views.boxes(found, detector.info), views.face_cards(found, detector.info)

    def show_spectrum(photo: dict | None) -> str:
        try:
            return views.spectrum(read_photo(sent(photo).read())) if photo else NOTHING
        except PhotoError as error:
            return views.notice(str(error))

    def predict(photo: gr.FileData, model: str | None = None, as_is: bool = False) -> Answer:
        """Judge each face of a photo.

        photo: an uploaded file. model: a name of the Models tab; null for the first. as_is: whether the
        picture is cut to one upright face already, to be judged as it is.

        Returns verdict ("real", "fake", "unsure" or "no_face"; that of the worst face), words (the same for
        people), scope (what it covers) and faces: a list with file, face (1, 2, ...), faces (how many), box (left, top,
        right, bottom in pixels of the upright photo), roll (degrees), verdict, p_real (0 to 1), unsure, as_is,
        advice (null or a sentence), model and error of each.
        """
        if not photo:
            raise gr.Error("Choose a photo first.", print_exception=False)
        try:
            return judge(picked(detectors, model), sent(photo), as_is).answer
        except PhotoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    with gr.Row(equal_height=False):
        with gr.Column():
            photo = gr.Image(
                sources=["upload", "clipboard", "webcam"],
                webcam_options=gr.WebcamOptions(mirror=False, constraints=WEBCAM),
                label="Photo",
                placeholder=f"# {CHOOSE}",
                height=360,
                buttons=[],
                elem_id="photo",
                alt_text="The chosen file",
            )
            model, as_is = choice(detectors)
            button = gr.Button("Judge", variant="primary")
            with gr.Row(elem_classes="examples"):
                for name, title in EXAMPLES.items():
                    show_example(EXAMPLES_FOLDER / name, title, photo)
        with gr.Column():
            verdict = gr.HTML(views.notice(INVITATION), elem_id="verdict", js_on_load=ANNOUNCED, min_height=150)
            boxes = gr.HTML()
            cards = gr.HTML(elem_id="faces")
            with_evidence = any(detector.info["evidence"] for detector in detectors.values())
            cover = gr.Slider(
                0,
                1,
                value=0.6,
                step=0.05,
                label="Strength of the evidence map",
                info="It hints at where the model looks, and proves nothing.",
                visible=with_evidence,
            )
            cover.input(None, cover, None, js=COVER)
            with gr.Accordion("Frequency spectrum", open=False) as fold:
                spectrum = gr.HTML(NOTHING)

    # One event, whatever calls for it: a photo that is chosen while another is judged is judged right after it.
    # Nothing but the visitor's own choice ever changes the photo, so the last verdict is that of the photo shown.
    asked = [photo.change, model.change, as_is.change, button.click]
    private: dict[str, Any] = {"api_visibility": "private", **AS_SENT}
    gr.on(
        asked,
        check,
        [photo, model, as_is],
        [verdict, boxes, cards],
        trigger_mode="always_last",
        show_progress_on=[verdict],
        **private,
    )
    # Half a verdict's bytes, which few ask for; so it is closed with the photo that it was drawn of.
    photo.change(lambda: (gr.Accordion(open=False), NOTHING), None, [fold, spectrum], **private)
    fold.expand(show_spectrum, photo, spectrum, **private)
    gr.api(predict, api_name="predict")


def show_example(path: Path, title: str, photo: gr.Image) -> None:
    """A button that puts an example in the photo's place; done in the browser, so at once."""
    file = {
        "path": str(path),
        "url": f"./gradio_api/file={path}",
        "orig_name": path.name,
        "meta": {"_type": "gradio.FileData"},
    }
    gr.Button(title, icon=path, size="sm").click(None, None, photo, js=f"() => ({json.dumps(file)})")


def check_many(detectors: dict[str, Detector]) -> None:
    """The second tab, and /predict_batch."""

    def check(files: list[dict] | None, model: str, as_is: bool, progress=gr.Progress()) -> tuple[str, str]:  # noqa: B008
        if not files:
            return views.notice("Choose some photos, or a zip of them."), ""
        detector = picked(detectors, model)
        pictures, left_out = pictures_of(files)
        rows = judge_many(detector, progress.tqdm(pictures, desc="Judging", unit="photos"), as_is)
        return views.batch_summary(rows, left_out, detector.info), views.batch_table(rows, detector.info)

    def predict_batch(files: list[gr.FileData], model: str | None = None, as_is: bool = False) -> list[Row]:
        """Judge each face of many photos.

        files: uploaded photos, or zips of them, 100 photos in all; a zip's other files are left out. model and as_is:
        as of /predict.

        Returns a list with one entry a face, of the keys that /predict's faces have. A photo without a face has one
        entry, of the verdict "no_face"; so has a file that can't be judged, with the reason as error.
        """
        pictures, _ = pictures_of(files)
        return judge_many(picked(detectors, model), pictures, as_is)

    gr.Markdown(f"Up to {MAX_PHOTOS} photos at once, single or in zips; {megabytes(MAX_BYTES)} a photo or zip at most.")
    files = gr.File(file_count="multiple", label="Photos or zips", height=180)
    model, as_is = choice(detectors)
    button = gr.Button("Judge all", variant="primary")
    summary = gr.HTML(js_on_load=ANNOUNCED, min_height=60)
    table = gr.HTML()
    one_by_one: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "many"}
    private: dict[str, Any] = {"api_visibility": "private", "show_progress_on": [summary]}
    button.click(check, [files, model, as_is], [summary, table], **private, **AS_SENT, **one_by_one)
    gr.api(predict_batch, api_name="predict_batch", **one_by_one)


def how_it_works(detectors: dict[str, Detector]) -> None:
    """The last tab: data, networks, limits, licence, links."""
    text = (HERE / "how_it_works.md").read_text()
    learnt = [f"**{name}**: {escape(charts.learnt_from(detector.info))}" for name, detector in detectors.items()]
    text = text.replace("{learnt_from}", "\n\n".join(learnt)).replace("{links}", links())
    before, after = text.split("{architecture}")
    gr.Markdown(before)
    gr.HTML("".join(charts.architecture(name, detector.info["layers"]) for name, detector in detectors.items()))
    gr.Markdown(after)


def links() -> str:
    """Where the same models run in the browser, and where their weights are, as far as this Space was told."""
    said = []
    if page := os.environ.get("PAGE_URL"):
        said.append(f"[Check photos on your own device]({page})")
    if repository := os.environ.get("DETECTOR_REPO"):
        said.append(f"[The weights](https://huggingface.co/{repository.partition('@')[0]})")
    elif space := os.environ.get("SPACE_ID"):  # Set by Hugging Face.
        said.append(f"[The weights](https://huggingface.co/spaces/{space}/tree/main/{models_folder().name})")
    return " · ".join(said)


def build(folder: Path) -> gr.Blocks:
    """The app around the models of a folder.

    Raises:
        ModelError: none of them has weights, or one is damaged.
    """
    models = find_models(folder)
    detectors = {name: detector for name, detector in models.items() if detector}
    if not detectors:
        raise ModelError(f"{folder} holds no {MODEL}; {AGAIN.format(folder)}")
    gr.set_static_paths([EXAMPLES_FOLDER])  # Served as they lie there: nothing to delete with the uploads.
    with gr.Blocks(title="DeepFaceDetect", analytics_enabled=False, delete_cache=(CLEAN_EVERY, KEEP)) as app:
        gr.Markdown(f"# DeepFaceDetect\nIs this face a photograph, or did StyleGAN make it?\n\n{links()}")
        with gr.Tabs():
            with gr.Tab("Check a photo"):
                check_a_photo(detectors)
            with gr.Tab("Check many"):
                check_many(detectors)
            with gr.Tab("Models"):
                cards = [charts.model_card(name, detector) for name, detector in models.items()]
                gr.HTML("".join([charts.overview(models), *cards]))
            with gr.Tab("How it works"):
                how_it_works(detectors)
    next(iter(detectors.values())).warm_up()
    return app.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE)


def give_memory_back() -> None:
    """Let glibc hand the memory of large arrays back at once; it would keep some for every thread that had a photo.

    That of smaller ones it keeps: handed back and fetched anew for each, it took a fifth of an answer's time.
    """
    m_trim_threshold, m_mmap_threshold, m_arena_max = -1, -3, -8  # From malloc.h.
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # Not in musl.
        libc.mallopt(m_mmap_threshold, 1_000_000)
        libc.mallopt(m_trim_threshold, 16_000_000)
        libc.mallopt(m_arena_max, AT_ONCE)


if __name__ == "__main__":
    give_memory_back()
    try:
        app = build(models_folder())
    except ModelError as error:
        sys.exit(f"error: {error}")
    app.launch(
        max_file_size=MAX_UPLOAD_BYTES,
        app_kwargs={"middleware": [Middleware(FetchNothing)]},
        theme=THEME,
        i18n=gr.I18n(en=TEXTS),
        css_paths=HERE / "style.css",
        head=HEAD,
        footer_links=["api"],
        share=False,
        enable_monitoring=False,
    )
