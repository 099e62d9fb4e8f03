"""DeepFaceDetect as a Gradio app.

    python app.py        serves http://127.0.0.1:7860
"""

import ctypes
import json
import os
import sys
from pathlib import Path

import gradio as gr
from gradio.components.api_component import Api
from gradio.utils import get_upload_folder
from gradio_client.utils import python_type_to_json_schema

import charts
import views
from detector import DETECTOR, MODEL, Detector, find_models, models_folder
from judging import BatchVerdict, PhotoVerdict, judge, judge_many
from uploads import MAX_PHOTO_BYTES, MAX_PHOTOS, MAX_UPLOAD_BYTES, Picture, list_pictures, megabytes
from chain.read import PhotoError

HERE = Path(__file__).parent
EXAMPLES = {
    "astronaut.jpg": "A photo of a person",
    "astronaut-face.jpg": "The same, cut to the face",
    "drawing.jpg": "No face, no photo",
}
AT_ONCE = 2  # Photos judged at the same time: a free Space has two cores.
MAX_WAITING = 40  # Requests in the queue; past it a visitor is told to come back.
# Seconds: uploads older than KEEP are looked for every CLEAN_EVERY, so that none is there after an hour.
CLEAN_EVERY, KEEP = 300, 3300

# What the webcam takes is sent as PNG: no larger than this, it is never larger than MAX_PHOTO_BYTES.
WEBCAM = {"video": {"width": {"max": 1280}, "height": {"max": 720}}}

# What the server does with a listener's values otherwise: gr.Image decodes the file itself, and answers what it
# can't decode with "Error". Unprocessed, files are still checked to be uploads, and come as {"path", "orig_name"}.
AS_SENT = {"preprocess": False}

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
)
ANNOUNCED = "element.setAttribute('aria-live', 'polite')"  # Screen readers say what changes inside.
INVITATION = "Choose, paste or take a photo, or click an example."
NOTHING = views.notice("Nothing to show yet.")
# Not in style.css, whose rules Gradio confines to what lies inside these margins. The theme has one accent for light
# and dark. Gradio names its upload buttons otherwise than they read; without that name, they are called what they say.
HEAD = """<style>
@media (max-width: 30rem) { .app.app { padding: 1rem 0.5rem } }
:root .dark.dark { --color-accent: var(--primary-400) }
</style>
<script>
new MutationObserver(() => {
  document.querySelectorAll('.upload-container[aria-label]').forEach((button) => button.removeAttribute('aria-label'));
}).observe(document, { subtree: true, childList: true });
</script>"""
# On the page, not on the map: the next photo's map is to be covered by it too.
COVER = "(share) => document.body.style.setProperty('--cover', share)"


def sent(file: dict) -> Picture:
    """An uploaded file.

    Raises:
        gr.Error: it is something else; gr.Image takes any path of the server that comes without Gradio's "meta" mark.
    """
    if not file["path"] or not Path(file["path"]).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise gr.Error("This is no upload; send the file first.", print_exception=False)
    return Picture(file["orig_name"] or Path(file["path"]).name, Path(file["path"]))


def pictures_of(files: list[dict] | None) -> list[Picture]:
    """The pictures among the uploaded files, those in zips too."""
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


def typed(label: str, result: type) -> Api:
    """An output that the API's documentation describes by a Python type."""
    return Api(None, python_type_to_json_schema(result), label)


def choice(detectors: dict[str, Detector]) -> gr.Dropdown:
    """Which model judges; shown where there is a choice."""
    names = list(detectors)
    return gr.Dropdown(names, value=names[0], label="Model", visible=len(names) > 1)


def check_a_photo(detectors: dict[str, Detector]) -> None:
    """The first tab, and /predict."""

    def check(photo: dict | None, model: str) -> tuple[str, str, str]:
        if not photo:
            return views.notice(INVITATION), NOTHING, NOTHING
        detector = picked(detectors, model)
        try:
            found = judge(detector, sent(photo))
        except PhotoError as error:
            return views.error_card(str(error)), NOTHING, NOTHING
        card = views.notice(found.advice) if found.advice else ""
        card += views.verdict_card(found.verdict, detector.info)
        if found.crop is not None:
            card += views.crop_card(found.crop, found.crop_verdict, detector.info)
        evidence = views.evidence_overlay(found.pixels, found.evidence)
        return card, evidence, views.spectrum(found.pixels)

    def predict(photo: dict | None, model: str | None):
        """Judge one photo.

        photo: a JPEG, PNG or WebP file. model: a name of the Models tab; null or nothing for the first.

        Returns verdict ("real", "fake" or "unsure"), p_real and p_fake (0..1, their sum is 1), unsure,
        threshold (P(real) from which a photo is called real) and the model's name, all on the whole picture;
        faces (how many were found), advice (null, or a sentence on what they mean for the verdict), and for
        a face that is small in the photo crop_verdict and crop_p_real, on the crop around it; else null.
        """
        if not photo:
            raise gr.Error("Choose a photo first.", print_exception=False)
        try:
            return judge(picked(detectors, model), sent(photo)).answer()
        except PhotoError as error:
            raise gr.Error(str(error), print_exception=False) from None

    with gr.Row(equal_height=False):
        with gr.Column():
            photo = gr.Image(
                sources=["upload", "clipboard", "webcam"],
                webcam_options=gr.WebcamOptions(mirror=False, constraints=WEBCAM),
                label="Photo",
                placeholder=f"# Choose a photo\nor drop it here: JPEG, PNG, WebP, {megabytes(MAX_PHOTO_BYTES)} at most",
                height=360,
                buttons=[],
                elem_id="photo",
                alt_text="The chosen file",
            )
            model = choice(detectors)
            button = gr.Button("Judge", variant="primary")
            with gr.Row(elem_classes="examples"):
                for name, title in EXAMPLES.items():
                    show_example(HERE / "examples" / name, title, photo)
        with gr.Column():
            verdict = gr.HTML(views.notice(INVITATION), elem_id="verdict", js_on_load=ANNOUNCED, min_height=150)
            with_evidence = any(detector.info["evidence"] for detector in detectors.values())
            with gr.Accordion("Where it looks fake", open=True, visible=with_evidence):
                evidence = gr.HTML(NOTHING)
                cover = gr.Slider(0, 1, value=0.6, step=0.05, label="Strength of the map")
                cover.input(None, cover, None, js=COVER)
            with gr.Accordion("Frequency spectrum", open=False):
                spectrum = gr.HTML(NOTHING)

    # One event, whatever calls for it: a photo that is chosen while another is judged is judged right after it.
    # Nothing but the visitor's own choice ever changes the photo, so the last verdict is that of the photo shown.
    asked, answers = [photo.change, model.change, button.click], [verdict, evidence, spectrum]
    private = {"api_visibility": "private", "show_progress_on": [verdict]}
    gr.on(asked, check, [photo, model], answers, trigger_mode="always_last", **AS_SENT, **private)
    gr.on([], predict, [photo, model], typed("verdict", PhotoVerdict), api_name="predict", **AS_SENT)


def show_example(path: Path, title: str, photo: gr.Image) -> None:
    """A button that puts an example in the photo's place; done in the browser, so at once."""
    button = gr.Button(title, icon=path, size="sm")
    photo.keep_in_cache.add(button.icon["path"])  # Or it would be deleted with the uploads.
    file = button.icon | {"url": f".{button.icon['url']}", "orig_name": path.name}
    button.click(None, None, photo, js=f"() => ({json.dumps(file)})")


def check_many(detectors: dict[str, Detector]) -> None:
    """The second tab, and /predict_batch."""

    def check(files: list[dict] | None, model: str, progress=gr.Progress()) -> tuple[str, str]:  # noqa: B008
        if not files:
            return views.notice("Choose some photos, or a zip of them."), ""
        detector = picked(detectors, model)
        rows = judge_many(detector, progress.tqdm(pictures_of(files), desc="Judging", unit="photos"))
        return views.batch_summary(rows, detector.info), views.batch_table(rows, detector.info)

    def predict_batch(files: list[dict] | None, model: str | None):
        """Judge many photos.

        files: JPEG, PNG or WebP files, or zips of them, 100 photos in all. model: a name of the Models tab; null
        or nothing for the first.

        Returns a list with one entry for each photo: file (its name), error (null, or why there is no verdict),
        and what /predict returns, null where there is an error.
        """
        return judge_many(picked(detectors, model), pictures_of(files))

    gr.Markdown(
        f"Up to {MAX_PHOTOS} photos at once, single or in zips; "
        f"{megabytes(MAX_PHOTO_BYTES)} a photo, {megabytes(MAX_UPLOAD_BYTES)} a zip."
    )
    files = gr.File(file_count="multiple", label="Photos or zips", height=180)
    model = choice(detectors)
    button = gr.Button("Judge all", variant="primary")
    summary = gr.HTML(js_on_load=ANNOUNCED, min_height=60)
    table = gr.HTML()
    one_by_one = {"concurrency_limit": 1, "concurrency_id": "many"}
    private = {"api_visibility": "private", "show_progress_on": [summary]}
    gr.on([button.click], check, [files, model], [summary, table], **private, **AS_SENT, **one_by_one)
    result = typed("verdicts", list[BatchVerdict])
    gr.on([], predict_batch, [files, model], result, api_name="predict_batch", **AS_SENT, **one_by_one)


def how_it_works(detectors: dict[str, Detector]) -> None:
    """The last tab: data, networks, limits, licence, links."""
    text = (HERE / "how_it_works.md").read_text()
    learnt = [f"**{name}**: {charts.learnt_from(detector.info)}" for name, detector in detectors.items()]
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
        FileNotFoundError: none of them has weights.
    """
    folders = find_models(folder)
    infos = [json.loads((path / DETECTOR).read_text()) for path in folders.values()]
    detectors = {name: Detector(path) for name, path in folders.items() if (path / MODEL).exists()}
    if not detectors:
        raise FileNotFoundError(f"{folder} has no {MODEL}; make one with `python -m export convert --format tflite`.")
    with gr.Blocks(title="DeepFaceDetect", analytics_enabled=False, delete_cache=(CLEAN_EVERY, KEEP)) as app:
        gr.Markdown(f"# DeepFaceDetect\nIs this face a photograph, or did StyleGAN make it?\n\n{links()}")
        with gr.Tabs():
            with gr.Tab("Check a photo"):
                check_a_photo(detectors)
            with gr.Tab("Check many"):
                check_many(detectors)
            with gr.Tab("Models"):
                cards = [charts.model_card(info, detectors.get(info["name"])) for info in infos]
                gr.HTML("".join([charts.overview(infos, detectors), *cards]))
            with gr.Tab("How it works"):
                how_it_works(detectors)
    return app.queue(max_size=MAX_WAITING, default_concurrency_limit=AT_ONCE)


def give_memory_back() -> None:
    """Let glibc hand the memory of large arrays back at once; it would keep some for every thread that had a photo."""
    m_mmap_threshold, m_arena_max = -3, -8  # From malloc.h.
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(libc, "mallopt"):  # Not in musl.
        libc.mallopt(m_mmap_threshold, 1_000_000)
        libc.mallopt(m_arena_max, AT_ONCE)


if __name__ == "__main__":
    give_memory_back()
    build(models_folder()).launch(
        max_file_size=MAX_UPLOAD_BYTES,
        theme=THEME,
        css_paths=HERE / "style.css",
        head=HEAD,
        footer_links=["api"],
        share=False,
        enable_monitoring=False,
    )
