# %% [markdown]
# # Coupling and autoregressive flows
#
# To learn a density from data by maximum likelihood, a flow needs the inverse of its
# map and the determinant of its Jacobian. For a map of D numbers to D numbers made by
# a neural network both are out of reach, or cost D³.
#
# There is a way round. Let the Jacobian be *triangular*: then the determinant is the
# product of its diagonal, and the equations can be solved one after another. All layers
# of this tutorial are made so, and all are put together from three parts:
#
# - the **structure** says which dimensions may depend on which: `Coupling` or
#   `Autoregressive`;
# - the **transformer** is the map of one number to another: a shift, a shift and a
#   scale, a spline;
# - the **conditioner** is the network that gives the transformer its parameters.
#
# | flow | structure | transformer | conditioner |
# |---|---|---|---|
# | NICE (Dinh et al. 2014) | `Coupling` | shift | `MLP` |
# | RealNVP (Dinh et al. 2017) | `Coupling` | shift and scale | `MLP` |
# | MAF (Papamakarios et al. 2017) | `Autoregressive` | shift and scale | `MADE` |
# | NSF (Durkan et al. 2019) | either | rational-quadratic spline | `MLP` or `MADE` |

# %%
import time

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from settings import FIGURES, length

import tfp_flows
from tfp_flows.bijectors import (
    Affine,
    Autoregressive,
    Coupling,
    LULinear,
    Permutation,
    RationalQuadraticSpline,
    Standardize,
)
from tfp_flows.conditioners import MADE, MLP
from tfp_flows.datasets import Checkerboard, EightGaussians, TwoMoons
from tfp_flows.distributions import StandardNormal
from tfp_flows.visualization import plot_stages, stages

tfb, tfd = tfp.bijectors, tfp.distributions

# %% [markdown]
# ## The structure
# A coupling splits the dimensions in two by a mask. Those where the mask is true pass
# through as they are. A network looks at them and says how the others are transformed.
# An autoregressive layer has no such halves: each dimension is transformed by what a
# network reads off all dimensions before it.

# %%
coupling = Coupling(
    conditioner=MLP(hidden_units=[32], seed=0),
    transformer=Affine.spec(),
    mask=[True, True, True, False, False, False],
)
autoregressive = Autoregressive(
    conditioner=MADE(6, hidden_units=[32], seed=0),
    transformer=Affine.spec(),
)

# %% [markdown]
# The last layer of each network starts at zero. Zero parameters are the identity, for
# every transformer here, so that a flow starts as its base, however deep it is.

# %%
x = tf.random.stateless_normal([6], seed=[0, 1])
for bijector in (coupling, autoregressive):
    error = tf.reduce_max(abs(bijector.forward(x) - x))
    print(f"{bijector.name}: |forward(x) − x| is at most {error:.1e} at the start")

# %% [markdown]
# To see what depends on what, we give the networks random weights, and ask TensorFlow
# for the Jacobian of `inverse`, the direction from data to base. White is exactly zero.
#
# One coupling leaves half of the dimensions alone, so the next one has the opposite
# mask. One autoregressive layer moves all of them, but the first always in the same
# way; so the order is turned round before the next. After two layers the matrix is no
# longer triangular, and still its determinant is a product of diagonals.

# %%
opposite = Coupling(
    conditioner=MLP(hidden_units=[32], seed=1),
    transformer=Affine.spec(),
    mask=[False, False, False, True, True, True],
)
reverse = Permutation.reverse(6)
second = Autoregressive(
    conditioner=MADE(6, hidden_units=[32], seed=1),
    transformer=Affine.spec(),
)
maps = {
    "coupling": coupling,
    "coupling,\nthe opposite one": tfb.Chain([coupling, opposite]),
    "autoregressive": autoregressive,
    "autoregressive, order reversed,\nautoregressive": tfb.Chain(
        [autoregressive, reverse, second]
    ),
}
for seed, bijector in enumerate((coupling, opposite, autoregressive, second)):
    for variable in bijector.trainable_variables:
        noise = tf.random.stateless_normal(variable.shape, seed=[seed, 2])
        variable.assign(0.35 * noise)


def jacobian(bijector, y):
    y = tf.identity(y)
    with tf.GradientTape() as tape:
        tape.watch(y)
        x = bijector.inverse(y)
    return tape.jacobian(x, y).numpy()


# %%
figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained")
for panel, (title, bijector) in zip(axes, maps.items(), strict=True):
    matrix = jacobian(bijector, x)
    digits = np.log10(abs(matrix), out=np.full([6, 6], np.nan), where=matrix != 0)
    image = panel.imshow(digits, vmin=-2, vmax=1, cmap="viridis")
    panel.set_title(title if "\n" in title else f"{title}\n", size=9)
    panel.set_xlabel("dimension of the data", size=9)
    panel.set_xticks(range(6), range(1, 7), size=8)
    panel.set_yticks(range(6), range(1, 7), size=8)
axes[0].set_ylabel("dimension of the base", size=9)
figure.colorbar(image, ax=axes, label="log₁₀ |∂x/∂y|", extend="both", shrink=0.75)
figure.suptitle("Jacobians from data to base")
figure.savefig(FIGURES / "triangular_jacobians.png", dpi=150)

# %% [markdown]
# What the bijector says of the determinant, from diagonals alone, and what a general
# determinant of the same matrix gives, at a cost of D³:

# %%
for title, bijector in maps.items():
    quick = bijector.inverse_log_det_jacobian(tf.identity(x), event_ndims=1)
    _, slow = np.linalg.slogdet(jacobian(bijector, x))
    print(f"{title.replace(chr(10), ' '):48} {quick:9.4f} {slow:9.4f}")

# %% [markdown]
# ## The transformer
# A transformer is handed over as a *specification*, `RationalQuadraticSpline.spec(…)`.
# It says how many numbers a dimension needs, and makes the bijector from them. Here
# the numbers are chosen by hand, in place of a network's: for the spline the logarithms
# of the relative widths and heights of its bins, and the slopes between them, in a form
# without limits.

# %%
shift_spec = tfp_flows.bijectors.TransformerSpec(tfb.Shift, {"shift": ()})
spline_spec = RationalQuadraticSpline.spec(num_bins=4, low=-4.0, high=4.0)
widths, heights, slopes = [0, 0, 0, 0], [0, 1, 1, -0.5], [-1, 3, -1]
transformers = {
    "shift": (shift_spec, [1.0]),
    "shift and scale": (Affine.spec(), [-2.0, -0.7]),
    "spline, 4 bins": (spline_spec, [*widths, *heights, *slopes]),
}
colours = ["0.35", "#2a78b5", "#c8501e"]
normal = tfd.Sample(tfd.Normal(0.0, 1.0), [1])
line = np.linspace(-5, 5, 500, dtype="float32")[:, np.newaxis]
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
for (name, (spec, params)), colour in zip(transformers.items(), colours, strict=True):
    print(f"{name}: numbers for each dimension: {spec.num_params}")
    bijector = spec(tf.constant([params], tf.float32))
    density = tfp_flows.distributions.Flow(normal, bijector)
    axes[0].plot(line, bijector.forward(line), color=colour, label=name)
    axes[1].plot(line, density.prob(line), color=colour, label=name)
axes[0].plot(line, line, color="0.7", lw=0.8, ls="--", label="identity")
axes[0].set(xlabel="x", ylabel="y", title="Three maps of the line")
axes[1].set(xlabel="y", ylabel="density", title="A standard normal sent through them")
axes[0].legend(frameon=False, fontsize=8)
for panel in axes:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(FIGURES / "transformers.png", dpi=150)

# %% [markdown]
# A shift keeps the form of the density, a scale its family; a spline is free to make
# several modes of one.
#
# ## A flow by hand
# Any structure, transformer and conditioner go together, and with anything else that is
# a `tfb.Bijector`. Here are three autoregressive layers with splines, with a trained
# linear map after one and a reversed order after the other. `Standardize` comes last:
# it gives the result the mean and the deviation of the data, and counts in the density.


# %%
def spline_layer(seed):
    return Autoregressive(
        conditioner=MADE(2, hidden_units=(64, 64), seed=seed),
        transformer=RationalQuadraticSpline.spec(num_bins=8),
    )


standardize = Standardize(2)
by_hand = tfp_flows.distributions.Flow(
    StandardNormal(2),
    tfb.Chain(  # as all chains of TFP, from the data to the base
        [
            standardize,
            spline_layer(2),
            LULinear.trainable(2),
            spline_layer(1),
            Permutation.reverse(2),
            spline_layer(0),
        ]
    ),
    name="by_hand",
)
tfp_flows.FlowModel(by_hand).summary()

# %% [markdown]
# Such a flow is trained as any other, by `fit`, which also tells `Standardize` the mean
# and the deviation. The functions in `tfp_flows.flows` write the same compositions:
# `flows.nsf(2, autoregressive=True, permutation=LULinear.trainable)`, and so on.
#
# ## Five flows, three densities
# We know the densities that our data come from, and so their entropy, which is the
# lowest NLL that any model can have. All flows get the same number of layers, networks
# of the same width, and the same steps of training.

# %%
densities = {
    "two moons": TwoMoons(noise=0.1),
    "eight Gaussians": EightGaussians(),
    "checkerboard": Checkerboard(),
}
densities = dict(list(densities.items())[: length(full=3, short=1)])
size = {
    "num_layers": length(full=6, short=2),
    "hidden_units": [length(full=64, short=8)] * 2,
    "seed": 0,
}
# The splines end at ±3: the data are standardised.
spline = size | {"num_bins": length(full=8, short=2), "low": -3.0, "high": 3.0}
flows = {
    "NICE": lambda: tfp_flows.flows.nice(2, **size),
    "RealNVP": lambda: tfp_flows.flows.real_nvp(2, **size),
    "MAF": lambda: tfp_flows.flows.maf(2, **size),
    "NSF, couplings": lambda: tfp_flows.flows.nsf(2, **spline),
    "NSF, autoregressive": lambda: tfp_flows.flows.nsf(
        2, autoregressive=True, **spline
    ),
}

# %% [markdown]
# XLA compiles the first step of each flow, which may take longer than the training
# itself. So the clock reads off both: what all epochs take at the pace of the later
# ones, and what the first took beyond that.

# %%
BATCH_SIZE = length(full=256, short=32)
EPOCHS = length(full=5, short=2)
STEPS = length(full=320, short=8)  # of an epoch


class Clock(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.times = [time.perf_counter()]

    def on_epoch_end(self, epoch, logs=None):
        self.times.append(time.perf_counter())

    def compilation_and_training(self):
        first, *others = np.diff(self.times)
        return first - np.mean(others), EPOCHS * np.mean(others)


def fit(flow, x):
    layers = tfb.Chain([Standardize(2), flow.bijector])
    flow = tfp_flows.distributions.Flow(flow.distribution, layers, name=flow.name)
    model = tfp_flows.FlowModel(flow)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, EPOCHS * STEPS)
    model.compile(keras.optimizers.Adam(rate))
    clock = Clock()
    model.fit(x, batch_size=BATCH_SIZE, epochs=EPOCHS, callbacks=[clock], verbose=0)
    return flow, *clock.compilation_and_training()


# %% [markdown]
# The *gap* is the mean of ln p − ln q over held-out points, with the density p of the
# data and q of the flow at the same points: how many nats the flow is worse than the
# truth. In expectation it is the KL divergence of q from p, and never below 0. The NLL
# of the held-out points alone would vary by much more.

# %%
ROWS = length(full=10_000, short=100)  # in one call, which is compiled once


def compiled_log_prob(flow):
    log_prob = tf.function(flow.log_prob, jit_compile=True)

    def in_blocks(x):
        blocks = np.asarray(x, "float32").reshape(-1, ROWS, 2)
        return np.concatenate([log_prob(tf.constant(block)) for block in blocks])

    return in_blocks


trained, results = {}, {}
for data_name, density in densities.items():
    x = density.sample(STEPS * BATCH_SIZE, seed=[0, 1])
    held_out = density.sample(5 * ROWS, seed=[0, 2]).numpy()
    log_p = density.log_prob(held_out).numpy()
    for name, make in flows.items():
        flow, compilation, training = fit(make(), x)
        log_prob = compiled_log_prob(flow)
        log_q = log_prob(held_out)
        gap, error = np.mean(log_p - log_q), np.std(log_p - log_q) / len(log_q) ** 0.5
        trained[data_name, name] = flow, log_prob
        results[data_name, name] = -np.mean(log_q), gap, error, compilation, training

# %%
for data_name, density in densities.items():
    entropy = float(density.entropy())
    print(f"{data_name}, entropy {entropy:.3f} nats")
    print(f"  {'':20}{'test NLL':>10}{'gap to p':>18}")
    for name in flows:
        nll, gap, error, *_ = results[data_name, name]
        print(f"  {name:20}{nll:10.3f}{gap:9.3f} ± {error:.3f} nats")

# %% [markdown]
# NICE keeps volumes in each of its couplings, and can only fold the plane. RealNVP and
# MAF also stretch it, but at a place in one dimension they stretch evenly along the
# other. The splines need not: they take a Gaussian apart, which is what separate
# squares and spots ask for.
#
# (With D = 2 an affine autoregressive layer is little more than a coupling: its first
# dimension has none before it. The more dimensions there are, the more it has to say
# than a coupling, which never lets dimensions of the same half see each other.)

# %%
bounds = {name: density.bounds for name, density in densities.items()}
resolution = length(full=200, short=20)


def on_grid(log_prob, limits):
    x, y = (
        low + (high - low) * (np.arange(resolution) + 0.5) / resolution
        for low, high in limits
    )
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype("float32")
    return np.exp(log_prob(grid)).reshape(resolution, resolution)


columns = ["data", *flows]
figure, axes = plt.subplots(
    len(densities),
    len(columns),
    figsize=(2.1 * len(columns), 2.2 * len(densities) + 0.6),
    squeeze=False,
    layout="constrained",
)
for row, (data_name, density) in zip(axes, densities.items(), strict=True):
    limits = bounds[data_name]
    true = on_grid(density.log_prob, limits)
    for panel, name in zip(row, columns, strict=True):
        is_data = name == "data"
        values = true if is_data else on_grid(trained[data_name, name][1], limits)
        image = panel.imshow(
            values,
            origin="lower",
            extent=(*limits[0], *limits[1]),
            vmin=0,
            vmax=true.max(),
            aspect="auto",
        )
        panel.tick_params(labelsize=7)
        gap = "density" if is_data else f"gap {results[data_name, name][1]:.3f}"
        panel.set_title(f"{data_name if is_data else name}\n{gap}", size=9)
    figure.colorbar(image, ax=row, label="density", extend="max", pad=0.01)
figure.supxlabel("first dimension", size=10)
figure.supylabel("second dimension", size=10)
figure.suptitle("Three densities, and what five flows make of their samples")
figure.savefig(FIGURES / "five_flows.png", dpi=150)

# %% [markdown]
# Each row has one colour scale, from 0 to the highest density of the data. The gaps are
# in nats.
#
# ## What it takes
# The times are of this machine; that of a call is the shortest within a second.
# Couplings do the same work in both directions. Autoregressive layers evaluate their
# networks once for `log_prob`; to sample they must go one dimension after another. The
# next tutorial is about how that is made cheap.


# %%
def milliseconds(function, *args):
    function(*args)  # compiles
    times = []
    while sum(times) < length(full=1, short=0) or not times:
        start = time.perf_counter()
        np.asarray(function(*args))
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


data_name = next(iter(densities))
points = densities[data_name].sample(ROWS, seed=[0, 3])
print(f"on {data_name}: {EPOCHS * STEPS} steps of {BATCH_SIZE} points,")
print(f"log_prob and sample of {ROWS:,} points")
print(f"{'':20}{'compilation':>13}{'training':>10}{'log_prob':>12}{'sample':>12}")
for name in flows:
    flow, log_prob = trained[data_name, name]
    sample = tf.function(lambda f=flow: f.sample(ROWS, seed=[0, 1]), jit_compile=True)
    *_, compilation, training = results[data_name, name]
    values = [milliseconds(log_prob, points), milliseconds(sample)]
    cells = "".join(f"{value:9.1f} ms" for value in values)
    print(f"{name:20}{compilation:11.1f} s{training:8.1f} s{cells}")

# %% [markdown]
# ## One layer after another
# The flow with spline couplings, layer by layer. Each coupling moves points along one
# axis only, and by an amount that it reads off the other. The splines end at ±3; the
# few points that the base has beyond stay where they are.

# %%
flow, _ = trained[list(densities)[-1], "NSF, couplings"]
plot_stages(*stages(flow), path=FIGURES / "coupling_stages.png")
