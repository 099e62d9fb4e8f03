"""What colours and frequencies tell of a picture's class: measured on each, summed up, and tested."""

import functools
import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft
import scipy.signal
import scipy.stats
from tqdm import tqdm

from train.chain import read
from train.chain.read import read_photo
from train.photos import cache, data
from train.spec import CLASS_NAMES

CHANNELS = ("red", "green", "blue")
BINS = 64  # Of a colour histogram, each 4 levels wide.
FFT_SIZE = 256  # Pixels; spectra have half as many frequencies.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in Pillow's and JPEG's grey.
POWER_FLOOR = 1e-3  # Squared grey levels, -30 dB: far below JPEG's rounding, and finite for flat pictures.
BAND = (10, 90)  # Percentiles over the images.


def measure(photos: list[data.Photo], title: str) -> tuple[np.ndarray, np.ndarray]:
    """Measure every photo, in parallel, and keep what was found; 1.3 kB a photo, so that 140,000 take 0.2 GB.

    Returns:
        float32 (n, 3, BINS) colour histograms and float32 (n, FFT_SIZE / 2) spectra in dB, see below.
    """
    measured = "".join([cache.version(read, sys.modules[__name__]), *(photo.sha256 for photo in photos)])
    kept = cache.folder() / f"explore-{hashlib.sha256(measured.encode()).hexdigest()[:16]}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return arrays["colours"], arrays["spectra"]
    colours = np.empty((len(photos), len(CHANNELS), BINS), np.float32)
    spectra = np.empty((len(photos), FFT_SIZE // 2), np.float32)

    def fill(index: int) -> None:
        pixels = read_photo(photos[index].path)
        colours[index] = colour_histogram(pixels)
        spectra[index] = power_spectrum(pixels)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in tqdm(pool.map(fill, range(len(photos))), total=len(photos), desc=title, unit="image"):
            pass
    try:
        cache.save(kept, colours=colours, spectra=spectra)
    except OSError as error:
        print(f"not cached: {error}", file=sys.stderr)
    return colours, spectra


def colour_histogram(pixels: np.ndarray) -> np.ndarray:
    """Share of a picture's pixels in each of BINS equal ranges of levels.

    Args:
        pixels: uint8 (height, width, 3), RGB.

    Returns:
        float (3, BINS), each row summing to 1.
    """
    bins = (pixels // (256 // BINS)).reshape(-1, len(CHANNELS))
    return np.stack([np.bincount(channel, minlength=BINS) for channel in bins.T]) / len(bins)


@functools.cache
def _rings() -> tuple[np.ndarray, np.ndarray]:
    """Of `scipy.fft.rfft2`'s output: the frequency of each entry in whole steps, and how often it counts."""
    down, across = np.fft.fftfreq(FFT_SIZE), np.fft.rfftfreq(FFT_SIZE)
    radius = np.rint(np.hypot(*np.meshgrid(down, across, indexing="ij")) * FFT_SIZE).astype(int).ravel()
    times = np.full((FFT_SIZE, len(across)), 2.0)  # The other half of the plane mirrors this one,
    times[:, [0, -1]] = 1  # but for its edges, which are their own mirrors.
    return radius, times.ravel()


@functools.cache
def _window(height: int, width: int) -> np.ndarray:
    hann = scipy.signal.windows.hann
    return np.outer(hann(height, sym=False), hann(width, sym=False)).astype(np.float32)


def power_spectrum(pixels: np.ndarray) -> np.ndarray:
    """Azimuthal average of a picture's log power spectrum, as in Durall et al. 2020, arXiv:2003.01826.

    The picture's middle, at most FFT_SIZE pixels a side, is made grey and freed of its mean. A Hann window keeps
    the jump between opposite edges from drowning the high frequencies; zeros fill smaller pictures up, so that
    every size has the same frequencies. Nothing is resized, since that would rewrite the spectrum.

    Args:
        pixels: uint8 (height, width, 3), RGB.

    Returns:
        float (FFT_SIZE / 2,): dB relative to one squared grey level, at 1, 2, ... FFT_SIZE / 2 steps of
        1 / FFT_SIZE cycles a pixel. White noise of variance v has 10 log10(v) - 2.5 dB at all of them.
    """
    top, left = (max(0, (side - FFT_SIZE) // 2) for side in pixels.shape[:2])
    grey = pixels[top : top + FFT_SIZE, left : left + FFT_SIZE] @ LUMA
    window = _window(*grey.shape)
    transform = scipy.fft.rfft2((grey - grey.mean()) * window, (FFT_SIZE, FFT_SIZE))
    decibel = 10 * np.log10(np.abs(transform) ** 2 / (window**2).sum() + POWER_FLOOR)
    radius, times = _rings()
    return (np.bincount(radius, decibel.ravel() * times) / np.bincount(radius, times))[1 : FFT_SIZE // 2 + 1]


def summary(values: np.ndarray) -> dict:
    """Mean over the images, and the band that BAND's share of them lie in: (n, k) to lists of k numbers."""
    low, high = np.percentile(values, BAND, axis=0)
    return {"mean": values.mean(0, dtype=float).tolist(), "low": low.tolist(), "high": high.tolist()}


def compare(fake: np.ndarray, real: np.ndarray) -> dict:
    """Test, number by number, whether images of the two classes differ.

    Mann-Whitney U tests (Mann & Whitney 1947) of one value an image, which are independent as the pixels of an
    image are not. The p-values are corrected by Benjamini & Yekutieli 2001, which allows for tests that depend on
    each other as neighbouring bins do: of those below 0.05, 5% are expected to be false.

    Args:
        fake: float (n, k).
        real: float (m, k).

    Returns:
        p: k corrected p-values; fake_above_real: k times the chance, 0..1, that a random fake has more than a
        random real photo, half of the ties added (Vargha & Delaney 2000; 0.5 is no difference, and the distance
        from it does not grow with the number of images as significance does).
    """
    tests = [scipy.stats.mannwhitneyu(a, b, method="asymptotic") for a, b in zip(fake.T, real.T)]
    p = np.nan_to_num([test.pvalue for test in tests], nan=1.0)  # All equal: nothing to tell apart.
    return {
        "p": scipy.stats.false_discovery_control(p, method="by").tolist(),
        "fake_above_real": [float(test.statistic) / (len(fake) * len(real)) for test in tests],
    }


def colour_numbers(colours: dict[str, np.ndarray]) -> dict:
    """Colour histograms of each class, (n, 3, BINS): their summary and, given both classes, their comparison."""
    channels = {
        channel: {name: summary(values[:, i]) for name, values in colours.items()} for i, channel in enumerate(CHANNELS)
    }
    if len(colours) == len(CLASS_NAMES):
        together = compare(*(colours[name].reshape(len(colours[name]), -1) for name in CLASS_NAMES))
        for i, channel in enumerate(CHANNELS):
            channels[channel]["test"] = {k: v[i * BINS : (i + 1) * BINS] for k, v in together.items()}
    return {"first_levels": list(range(0, 256, 256 // BINS)), "channels": channels}


def spectrum_numbers(spectra: dict[str, np.ndarray]) -> dict:
    """Spectra of each class, (n, FFT_SIZE / 2): their summary and, given both classes, their comparison.

    ``difference`` is the fakes' mean minus that of the real photos, dB, with its 95% interval (Welch, normal).
    """
    numbers = {"cycles_per_pixel": (np.arange(1, FFT_SIZE // 2 + 1) / FFT_SIZE).tolist()}
    numbers |= {name: summary(values) for name, values in spectra.items()}
    if len(spectra) == len(CLASS_NAMES):
        fake, real = (spectra[name].astype(float) for name in CLASS_NAMES)
        difference = fake.mean(0) - real.mean(0)
        margin = scipy.stats.norm.ppf(0.975) * np.hypot(scipy.stats.sem(fake), scipy.stats.sem(real))
        numbers["difference"] = {
            "mean": difference.tolist(),
            "low": (difference - margin).tolist(),
            "high": (difference + margin).tolist(),
        }
        numbers["test"] = compare(fake, real)
    return numbers
