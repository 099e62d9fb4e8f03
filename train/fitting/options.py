"""The options of a training: said once, for the command line, for the run's record, and for whoever resumes it."""

import argparse
import dataclasses
import functools
from typing import Any

import keras

from train import arguments, run
from train.networks import models

EPOCHS = 10
HEAD_EPOCHS = 100  # On cached features, an epoch takes a moment; early stopping ends it.
OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": functools.partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
}


def option(default, words: str, **how) -> Any:
    """A field of `Options` that is an option of the command line too.

    Args:
        default: the value where it is not given.
        words: the help. The default is added to it, unless it tells one, or that is None, 0 or True.
        how: as `argparse.ArgumentParser.add_argument` takes.
    """
    told = words if "(default" in words or not default or default is True else f"{words} (default: {default})"
    return dataclasses.field(default=default, metadata={"help": told} | how)


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides a training, apart from its images and the weights it starts from; kept in the run's config.json."""

    train_size: int | None = option(
        None, "train on only N images, half of them of each class", type=arguments.count, metavar="N"
    )
    epochs: int = option(
        EPOCHS,
        f"train for at most this many (default: {HEAD_EPOCHS} on a frozen backbone, else {EPOCHS})",
        type=arguments.count,
    )
    batch_size: int = option(128, "images per step", type=arguments.count)
    learning_rate: float = option(1e-3, "highest learning rate", type=arguments.rate)
    optimizer: str = option("adam", "what updates the weights", choices=sorted(OPTIMIZERS))
    schedule: str = option(
        "constant",
        "keep the learning rate constant, or let it fall to 0 along half a cosine",
        choices=("constant", "cosine"),
    )
    warmup: float = option(
        0.0,
        "with --schedule cosine, let the learning rate first rise from 0 for so long",
        type=arguments.rate,
        metavar="EPOCHS",
    )
    clip_norm: float | None = option(
        None, "largest norm that each weight tensor's gradient may have", type=arguments.rate
    )
    label_smoothing: float = option(0.0, "how far to move the labels towards 0.5", type=arguments.part, metavar="SHARE")
    flip: bool = option(
        True, "train on mirror images too, or not (default: --flip)", action=argparse.BooleanOptionalAction
    )
    zoom: float = option(
        0.0, "largest share of each side that a random crop may cut away", type=arguments.part, metavar="SHARE"
    )
    crop: int | None = option(
        None,
        "train on random squares of this size, cut out without resizing (residual and xception_tuned only)",
        type=arguments.count,
        metavar="PIXELS",
    )
    degrade: float = option(
        0.0,
        "share of the training images to turn, resize, compress, blur and so on, as people's pictures are",
        type=arguments.share,
        metavar="SHARE",
    )
    patience: int = option(
        5, "with --schedule constant, stop after this many epochs without a lower validation loss", type=arguments.count
    )
    precision: str = option(
        None,  # Until `fit` has seen the hardware.
        "precision to compute in; the weights are float32 either way "
        "(default: bfloat16 where the hardware supports it, else float32)",
        choices=models.PRECISIONS,
    )
    seed: int = option(0, "seed of the weights, the order and the augmentation (default: 0)", type=arguments.seed)
    filters: list[int] | None = option(
        None, "number of filters of each of custom's convolutions", type=arguments.count, nargs="+"
    )
    dense_units: int | None = option(None, "number of units in custom's last layer but one", type=arguments.count)
    dropout: float | None = option(
        None, "share of those units that each training step leaves out", type=arguments.part, metavar="SHARE"
    )
    unfreeze: int = option(0, "afterwards, train the backbone's last N layers too", type=arguments.count, metavar="N")
    fine_tune_epochs: int = option(
        10, "with --unfreeze, train those layers for at most this many", type=arguments.count
    )
    fine_tune_rate: float = option(1e-5, "learning rate for --unfreeze", type=arguments.rate)
    split_seed: int | None = None  # Of the dataset, which other commands take too.

    @property
    def of_network(self) -> dict:
        """Those that `models.custom` takes, without those that are left to it."""
        names = ("filters", "dense_units", "dropout")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def of_fine_tuning(self) -> "Options":
        """The options of the training that follows with ``unfreeze``."""
        return dataclasses.replace(self, epochs=self.fine_tune_epochs, learning_rate=self.fine_tune_rate)


def flag(name: str) -> str:
    """What an option is called on the command line."""
    return "--" + name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a command line take them; None stands for what is not given."""
    for field in dataclasses.fields(Options):
        if field.metadata:
            parser.add_argument(flag(field.name), **field.metadata)


def options_of(args: argparse.Namespace) -> Options:
    """The options given, and the defaults of the others; of a resumed training, those that it was begun with.

    Args:
        args: holds each option, None where it was not given.

    Raises:
        run.RunError: ``args.out`` holds a training that is not resumed, or another network, or none to resume; or an
            option differs from the run's, or belongs to another that is not given.
    """
    out, names = args.out, [field.name for field in dataclasses.fields(Options)]
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    before = run.read_json(out, run.CONFIG)
    if not args.resume:
        if (out / run.HISTORY).exists():
            raise run.RunError(f"{out} already holds a training run; pass --resume, or another --out.")
        if before and "options" not in before:
            raise run.RunError(f"{out}/{run.CONFIG} is no training's; choose another --out.")
        if (out / run.MODEL).exists():
            raise run.RunError(f"{out} already holds a network, {before.get('model', 'unknown')}; pass another --out.")
        for name in ("fine_tune_epochs", "fine_tune_rate"):
            if name in given and not args.unfreeze:
                raise run.RunError(f"{flag(name)} belongs to --unfreeze; pass that too.")
        of_network = {"epochs": HEAD_EPOCHS} if args.model in models.BACKBONES else {}
        return Options(**of_network | given)
    if not before:
        raise run.RunError(f"{out} holds no training to resume; leave out --resume.")
    kept = {name: before[name] for name in ("epochs", "patience") if name in before} | before.get("options", {})
    if not kept.keys() <= {*names} or not kept.get("epochs"):  # Options that were added since then have their defaults.
        raise run.RunError(f"{out} was not begun by `fit` as it is now, so it can't be resumed; choose another --out.")
    options = Options(**kept)
    for name, value in given.items():
        if value != getattr(options, name):
            raise run.RunError(
                f"{out} was begun with {flag(name)} {getattr(options, name)}, not {value}. A resumed training keeps "
                f"its options: leave out {flag(name)}, or choose another --out."
            )
    return options


def check_options(args: argparse.Namespace, options: Options) -> None:
    """Refuse what would silently do nothing, or end in a traceback later on.

    Args:
        args: the network's name, what it starts from, and whether the images are to be cached.
        options: as in `options_of`.

    Raises:
        run.RunError: naming the option, and what it is for.
    """
    frozen = args.model in models.BACKBONES
    if options.of_network and args.model != "custom":
        raise run.RunError(f"{args.model} has no {' or '.join(options.of_network)} to choose; only custom does.")
    if args.backbone_weights and args.model in models.FROM_SCRATCH:
        raise run.RunError(f"{args.model} starts from random weights; it takes no --backbone-weights.")
    if args.start and args.model not in models.TEXTURE_NETWORKS:
        raise run.RunError(f"--start is for {' and '.join(models.TEXTURE_NETWORKS)}, which have layers in common.")
    if args.start and args.backbone_weights:
        raise run.RunError("--start and --backbone-weights are two starts; leave out one.")
    if options.unfreeze and not frozen:
        raise run.RunError(f"{args.model} has no frozen backbone; --unfreeze is for {', '.join(models.BACKBONES)}.")
    if frozen and not options.unfreeze and (options.zoom or options.degrade):
        raise run.RunError(
            "A frozen backbone sees each photo and its mirror image once, as they are; "
            "--zoom and --degrade work with --unfreeze alone."
        )
    if args.cache and frozen and not options.unfreeze:
        raise run.RunError("A frozen backbone reads each photo once, for its features; --cache works with --unfreeze.")
    if options.train_size and options.train_size % 2:
        raise run.RunError(f"--train-size {options.train_size} can't be half of each class; take an even number.")
    if options.warmup and options.schedule != "cosine":
        raise run.RunError("--warmup is a part of --schedule cosine; pass that too.")
    if args.patience is not None and options.schedule == "cosine":
        raise run.RunError("A cosine's last epoch is its best, so that none is left out; leave out --patience.")
    shortest = min(options.epochs, options.fine_tune_epochs) if options.unfreeze else options.epochs
    if options.warmup >= shortest:
        raise run.RunError(f"--warmup {options.warmup:g} leaves none of {shortest} epochs to train in; choose fewer.")


def check_crop(crop: int, model: keras.Model) -> None:
    """Refuse crops that a network can't be trained on.

    Raises:
        run.RunError: it takes whole photos, or the crop is larger than they are or too small for its layers.
    """
    body = models.part(model, models.BODY)
    if body is model:
        raise run.RunError(f"{model.name} takes whole photos; --crop is for networks that pool over any size.")
    size = models.input_size(model)
    if crop > size:
        raise run.RunError(f"--crop {crop} is larger than the photos, which {model.name} takes at {size} pixels.")
    try:
        body.compute_output_shape((None, crop, crop, 3))
    except ValueError:
        raise run.RunError(f"--crop {crop} is too small for {model.name}'s layers; choose a larger one.") from None
