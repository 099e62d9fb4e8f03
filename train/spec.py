"""The facts that every part agrees on, written once.

Training reads them from here. Export copies them into ``detector.json``, where the Space and the page
read them, so neither repeats a number.
"""

CLASS_NAMES = ("fake", "real")  # The index is the label: the models' one output is P(real).

WORDS = {  # Verdicts for people.
    "fake": "Probably a StyleGAN fake",
    "real": "Probably a real photo",
    "unsure": "Unsure: it could be either",
}
SCOPE = (  # Said beside every verdict.
    "Trained on StyleGAN; pictures of other generators (Midjourney, Stable Diffusion, Flux) may pass as real."
)

INPUT_SIZE = 224  # Height and width in pixels of what the first convolution sees.
RESIZE = "bilinear"  # Half-pixel centres, no antialiasing: the one form that TensorFlow.js has too.
SCALE = 1 / 255  # Raw RGB 0..255 -> 0..1.

DEFAULT_THRESHOLD = 0.5  # P(real) at and above which a photo is called real, until validation sets one.
