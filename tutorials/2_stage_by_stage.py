# %% [markdown]
# # Stage by stage
#
# A flow is a chain of simple maps. To see what each of them does, look at the samples
# after each: every point keeps the colour of the direction in which it started.

# %%
import math

import tensorflow_probability as tfp
from settings import FIGURES

from tfp_flows.bijectors import Rotation2D, ShiftAndCube
from tfp_flows.visualization import plot_stages

tfb, tfd = tfp.bijectors, tfp.distributions

# %% [markdown]
# ## Five steps
# The base is a Gaussian with standard deviation 0.5. `Shift`, `Scale` and `Sigmoid`
# are TFP's own; `ShiftAndCube` and `Rotation2D` are ours. All are `tfb.Bijector`s.

# %%
base = tfd.MultivariateNormalDiag(scale_diag=[0.5, 0.5])
shift = tfb.Shift([0.2, -0.3])
scale = tfb.Scale([1.5, 1.0])
cube = ShiftAndCube(0.5)
rotation = Rotation2D(math.pi / 4)
sigmoid = tfb.Sigmoid()

# %%
plot_stages(
    base, [shift, scale, cube, rotation, sigmoid], path=FIGURES / "five_steps.png"
)

# %% [markdown]
# `plot_stages` takes the maps in the order in which they are applied. `tfb.Chain`
# takes them in the order in which one writes a composition of functions, the last one
# first:

# %%
chain = tfb.Chain([sigmoid, rotation, cube, scale, shift])
flow = tfd.TransformedDistribution(base, chain)
x = flow.sample(3, seed=[0, 1])
print("log-probabilities of three samples, in nats:", flow.log_prob(x).numpy().round(3))

# %% [markdown]
# The same five stages as densities. `ShiftAndCube` and `Rotation2D` bend and turn but
# keep areas (their log-determinants are 0): they move density about without making it
# higher or lower. (Each panel has axes and a colour scale of its own.)

# %%
plot_stages(
    base,
    [shift, scale, cube, rotation, sigmoid],
    density=True,
    path=FIGURES / "five_steps_density.png",
)

# %% [markdown]
# ## The order matters
# The same five maps in two other orders make other distributions.

# %%
plot_stages(
    base,
    [rotation, cube, shift, sigmoid, scale],
    path=FIGURES / "five_steps_shuffled_1.png",
)

# %%
plot_stages(
    base,
    [sigmoid, scale, rotation, shift, cube],
    path=FIGURES / "five_steps_shuffled_2.png",
)

# %% [markdown]
# ## Two modes from one
# Softsign, y = x/(1 + |x|), squeezes the line into (−1, 1). A standard normal has
# enough mass in its tails that it piles up towards both ends: one mode becomes two.
# (In one dimension the modes are at ±1/2; here both dimensions are squeezed, which
# makes four.)

# %%
import matplotlib.pyplot as plt
import numpy as np

softsign = tfd.TransformedDistribution(tfd.Normal(0.0, 1.0), tfb.Softsign())
y = np.linspace(-0.999, 0.999, 500, dtype="float32")
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.hist(softsign.sample(20_000, seed=[0, 1]), bins=80, density=True, color="0.8")
axes.plot(y, softsign.prob(y), color="C3")
axes.set(xlabel="y", ylabel="density", title="Softsign of a standard normal")
figure.savefig(FIGURES / "softsign.png", dpi=150)

# %%
slope = np.diff(softsign.log_prob(y))
modes = y[1:-1][(slope[:-1] > 0) & (slope[1:] <= 0)]
print("modes at", modes.round(2).tolist())

# %%
plot_stages(
    tfd.MultivariateNormalDiag([0.0, 0.0]),
    [tfb.Softsign()],
    density=True,
    path=FIGURES / "softsign_2d.png",
)
