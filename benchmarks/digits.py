"""Prints how well autoregressive flows compress small pictures, beside RealNVP.

python -m benchmarks.digits                     all flows, in about four minutes
python -m benchmarks.digits MADE PixelCNN       some of them

The pictures are scikit-learn's 1,797 handwritten digits of 8 × 8 pixels, integers from
0 to 16. Uniform noise makes a density of them, and the bits a dimension of that
density bound those of the integers from above. Of the pictures that are not the test,
a part says when to stop: the weights kept are those that were best on it. Standard
errors are over the test's pictures; how far another seed comes out is not in them.
"""

import argparse
import math
import time

import keras
import numpy as np
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

import tfp_flows
from tfp_flows import bijectors, flows

LEVELS = 17
SIZE = 64
# The middle of a pixel's range, and about a pixel's standard deviation.
CENTER, SCALE = LEVELS / 2, 6.0

# Of 1,797 pictures; the others are the test.
NUM_TRAIN, NUM_VALIDATION = 1250, 180
# It divides the rows, so that XLA compiles no smaller last batch.
BATCH = 125
EPOCHS = 6
PATIENCE = 2
RATE = 1.5e-3
# Each picture is there so many times, with other noise.
NOISES = 10


def mixture() -> bijectors.TransformerSpec:
    """What each autoregressive flow does to a pixel."""
    return bijectors.MixtureCDF.spec(num_components=5)


FLOWS = {
    "MADE": lambda: flows.made(
        SIZE, transformer=mixture(), hidden_units=(256, 256), seed=0
    ),
    "NADE": lambda: flows.nade(SIZE, transformer=mixture(), units=256, seed=0),
    "PixelCNN": lambda: flows.pixel_cnn((8, 8, 1), transformer=mixture(), seed=0),
    "WaveNet": lambda: flows.wavenet(SIZE, transformer=mixture(), seed=0),
    "Recurrent": lambda: flows.recurrent(
        SIZE, transformer=mixture(), units=64, row_size=8, seed=0
    ),
    "RealNVP": lambda: flows.real_nvp(SIZE, hidden_units=(128, 128), seed=0),
}


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.digits")
    parser.add_argument("flows", nargs="*", metavar="FLOW", help=", ".join(FLOWS))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    if unknown := set(options.flows) - set(FLOWS):
        parser.error(f"no flow {', '.join(sorted(unknown))}; there are {list(FLOWS)}")
    print(
        f"Budget: {options.epochs} epochs, each picture with {NOISES} noises, "
        f"{BATCH} a step, Adam {RATE}, cosine decay, patience {PATIENCE}\n"
    )
    print_table(options.flows or list(FLOWS), options.epochs)


def print_table(names: list[str], epochs: int) -> None:
    """One row for each flow, and how far it is from the first, picture by picture."""
    parts = split(load_pictures())
    print(f"| flow | parameters | epochs | seconds | bits/dim | less {names[0]}'s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    first = None
    for name in names:
        start = time.perf_counter()
        model = tfp_flows.FlowModel(of_pixels(FLOWS[name]()))
        num_epochs, bits = train_and_test(model, parts, epochs)
        seconds = time.perf_counter() - start
        first = bits if first is None else first
        row = [
            name,
            f"{sum(math.prod(weight.shape) for weight in model.trainable_weights):,}",
            str(num_epochs),
            f"{seconds:.0f}",
            mean_and_error(bits),
            mean_and_error(bits - first) if bits is not first else "–",
        ]
        print("| " + " | ".join(row) + " |", flush=True)


def of_pixels(flow: tfd.Distribution) -> tfd.Distribution:
    """The density of dequantised pictures, of a flow on scaled ones."""
    return tfd.TransformedDistribution(flow, tfb.Shift(CENTER)(tfb.Scale(SCALE)))


def train_and_test(
    model: tfp_flows.FlowModel, parts: list[np.ndarray], epochs: int
) -> tuple[int, np.ndarray]:
    """The epochs trained, and the bits a dimension of each test picture."""
    shape = (-1, *model.distribution.event_shape)
    train, validation, test = (
        dequantized(part, NOISES, seed).reshape(shape)
        for seed, part in enumerate(parts)
    )
    num_epochs = fit(model, train, validation, epochs)
    log_prob = model.predict(test, batch_size=len(test) // NOISES, verbose=0)
    return num_epochs, bits_per_dim(log_prob).reshape(NOISES, -1).mean(axis=0)


def fit(
    model: tfp_flows.FlowModel, train: np.ndarray, validation: np.ndarray, epochs: int
) -> int:
    """Trains until the validation NLL rises; the epochs, of which the best is kept."""
    steps = epochs * math.ceil(len(train) / BATCH)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    history = model.fit(
        train,
        batch_size=BATCH,
        epochs=epochs,
        validation_data=validation,
        validation_batch_size=len(validation) // NOISES,
        callbacks=[
            keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
        ],
        verbose=0,
    )
    return len(history.epoch)


def load_pictures() -> np.ndarray:
    """The pictures ``[N, 64]``, row by row."""
    # Of the extra `benchmarks`; the arithmetic is tested without.
    from sklearn.datasets import load_digits

    return load_digits().data


def split(pictures: np.ndarray) -> list[np.ndarray]:
    """Pictures to train on, to stop by and to test on, in an order of chance."""
    pictures = np.random.default_rng(0).permutation(pictures)
    return np.split(pictures, [NUM_TRAIN, NUM_TRAIN + NUM_VALIDATION])


def dequantized(pictures: np.ndarray, times: int, seed: int) -> np.ndarray:
    """All pictures so many times, each time with other noise in [0, 1)."""
    rng = np.random.default_rng([1, seed])
    pictures = np.tile(pictures.astype("float32"), (times, 1))
    return pictures + rng.uniform(size=pictures.shape).astype("float32")


def bits_per_dim(log_prob: np.ndarray) -> np.ndarray:
    """Of log-densities of dequantised pictures, in nats."""
    return -log_prob.astype("float64") / (SIZE * math.log(2))


def mean_and_error(values: np.ndarray) -> str:
    """The mean over the pictures ± its standard error."""
    return f"{values.mean():.3f} ± {values.std() / math.sqrt(len(values)):.3f}"


if __name__ == "__main__":
    main()
