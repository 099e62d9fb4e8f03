"""DeepFaceDetect as a Gradio app.

    python app.py        serves http://127.0.0.1:7860
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import gradio as gr  # noqa: E402

from detector import Detector, model_folder  # noqa: E402
from vendor.photo import PhotoError  # noqa: E402

MAX_FILE_SIZE = "5mb"


def about(info: dict) -> str:
    """Markdown on what the model learnt from and how well it did."""
    counts, names = info["provenance"]["dataset"]["counts"], info["provenance"]["dataset"]["names"]
    test = info["metrics"]["test"]
    low, high = test["at_threshold"]["accuracy_interval_95"]
    return (
        f"**The model.** Custom CNN, trained on {counts['train/real']} real and {counts['train/fake']} fake faces "
        f"({', '.join(names)}). On {sum(test['images'].values())} test images it judged "
        f"{test['at_threshold']['accuracy']:.1%} right (95% interval {low:.1%} to {high:.1%}; "
        f"ROC AUC {test['roc_auc']:.3f}). Called real from P(real) {info['threshold']:.3f} on. "
        "These are not figures of the full 140,000-image set.\n\n"
        "A score is evidence, not proof. Never accuse anyone on it alone."
    )


def build(detector: Detector) -> gr.Blocks:
    """The app around a loaded detector; its one endpoint is /predict."""

    def predict(photo: str | None) -> tuple[str, dict[str, float]]:
        if not photo:
            raise gr.Error("Choose a photo first.", print_exception=False)
        try:
            label, p_real = detector.judge(photo)
        except PhotoError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return f"## {detector.info['words'][label]}", {"real": p_real, "fake": 1 - p_real}

    with gr.Blocks(title="DeepFaceDetect", analytics_enabled=False, delete_cache=(600, 3600)) as app:
        gr.Markdown("# DeepFaceDetect\nIs this face a photograph, or did StyleGAN make it?")
        with gr.Row():
            photo = gr.Image(
                type="filepath", image_mode=None, sources=["upload", "clipboard"], label="Photo (JPEG, PNG or WebP)"
            )
            with gr.Column():
                verdict = gr.Markdown("Choose or paste a photo.")
                probabilities = gr.Label(label="Probability", show_heading=False)
        button = gr.Button("Judge", variant="primary")
        gr.Markdown(about(detector.info))
        if page := os.environ.get("PAGE_URL"):
            gr.Markdown(f"The same model runs offline, in your browser: [{page}]({page})")
        gr.on(
            [button.click, photo.upload],
            predict,
            inputs=photo,
            outputs=[verdict, probabilities],
            api_name="predict",
        )
    return app


if __name__ == "__main__":
    build(Detector(model_folder())).launch(
        max_file_size=MAX_FILE_SIZE,
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        footer_links=["api"],
    )
