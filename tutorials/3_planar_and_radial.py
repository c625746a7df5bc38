# %% [markdown]
# # Planar and radial flows
#
# A planar map pushes points along one direction, by how far they are beyond a plane;
# a radial map pushes them away from a centre or pulls them in. One such map changes
# little; a chain of them can bend a Gaussian into other shapes.
#
# They were proposed for variational inference (Rezende and Mohamed, 2015), where a flow
# is fitted to a density that can be evaluated but not sampled. That needs the map's
# `forward` alone. For data it is the other way round: maximum likelihood needs the
# `inverse`, which most libraries do not have for these maps. Here both directions are
# exact and differentiable.

# %%
import keras
import matplotlib.pyplot as plt
import tensorflow as tf
import tensorflow_probability as tfp
from settings import FIGURES, length

import tfp_flows
from tfp_flows.datasets import U1, U2, U3, U4, TwoMoons
from tfp_flows.visualization import plot_density, plot_samples, plot_stages, stages

tfb, tfd = tfp.bijectors, tfp.distributions

# %% [markdown]
# ## One map of each kind

# %%
grid = tfd.Sample(tfd.Uniform(-3.0, 3.0), [2])
planar = tfp_flows.bijectors.Planar(u=[2.0, 1.0], w=[1.0, 2.0], b=0.0)
radial = tfp_flows.bijectors.Radial(center=[1.0, 0.0], alpha=1.0, beta=4.0)
plot_stages(grid, [planar], path=FIGURES / "planar_map.png")

# %%
plot_stages(grid, [radial], path=FIGURES / "radial_map.png")

# %%
x = grid.sample(1000, seed=[0, 1])
for bijector in (planar, radial):
    error = tf.reduce_max(abs(bijector.inverse(tf.identity(bijector.forward(x))) - x))
    print(f"{bijector.name}: inverse(forward(x)) − x is at most {error:.1e}")

# %% [markdown]
# ## Fitting a density by reverse KL
# The four potentials U of the paper define the densities exp(−U(z))/Z. U2 to U4 do not
# decay along z₁, so on the whole plane they are no densities at all, and the KL
# divergence is infinite. We restrict them to the square [−4, 4]², and give the flow a
# scaled sigmoid as its last map, which ends on that square.
#
# The loss is KL(q‖p) = E_q[ln q(z) + U(z)] + ln Z. `tfp.vi` estimates it by samples
# of the flow, so `fast="sample"` gives the flow the closed direction for sampling.
#
# Reverse KL does not mind if a whole branch of the target is missed, once it is. So the
# potential is turned on little by little, βU(z) with β from 0.05 to 1 over the first
# half of the steps, as the paper does: at first the target is nearly flat, and the
# flow goes everywhere.

# %%
NUM_LAYERS = [2, length(full=8, short=3), length(full=32, short=4)]
STEPS = length(full=6000, short=10)


def fit_potential(target, num_layers):
    flow = tfp_flows.flows.planar(2, num_layers=num_layers, fast="sample", seed=0)
    box = tfb.Sigmoid(tf.constant(-4.0), tf.constant(4.0))
    q = tfp_flows.distributions.Flow(
        flow.distribution, tfb.Chain([box, flow.bijector]), name="q"
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-2, STEPS)
    optimizer = keras.optimizers.Adam(rate)

    def annealed(z):
        progress = tf.cast(optimizer.iterations.value, tf.float32) / STEPS
        return -tf.minimum(1.0, 0.05 + 2.0 * progress) * target.potential(z)

    tfp.vi.fit_surrogate_posterior(
        annealed,
        q,
        optimizer=optimizer,
        num_steps=STEPS,
        sample_size=256,
        jit_compile=True,
        seed=1,
    )
    return q


def kl_divergence(q, target):
    z, log_q = q.experimental_sample_and_log_prob(100_000, seed=[0, 1])
    elbo = -tf.reduce_mean(log_q + target.potential(z))
    return float(target.log_normalizer - elbo)


# %%
targets = {"U1": U1(), "U2": U2(), "U3": U3(), "U4": U4()}
targets = dict(list(targets.items())[: length(full=4, short=1)])
fitted = {
    name: {num: fit_potential(target, num) for num in NUM_LAYERS}
    for name, target in targets.items()
}

# %% [markdown]
# KL(q‖p) = ln Z − ELBO in nats, of 100,000 samples. It should fall with depth.

# %%
print("layers" + "".join(f"{num:>9}" for num in NUM_LAYERS))
for name, target in targets.items():
    values = [kl_divergence(fitted[name][num], target) for num in NUM_LAYERS]
    print(f"{name:6}" + "".join(f"{value:9.3f}" for value in values))

# %%
columns = ["target", *(f"{num} layers" for num in NUM_LAYERS)]
figure, axes = plt.subplots(
    len(targets),
    len(columns),
    figsize=(2.2 * len(columns), 2.2 * len(targets)),
    sharex=True,
    sharey=True,
    squeeze=False,
    layout="constrained",
)
resolution = length(full=300, short=20)
edge = tf.linspace(-3.999, 3.999, resolution)
points = tf.reshape(tf.stack(tf.meshgrid(edge, edge), axis=-1), [-1, 2])
points = tf.cast(points, tf.float32)
for row, (name, target) in zip(axes, targets.items(), strict=True):
    highest = tf.reduce_max(target.prob(points))
    densities = [target, *(fitted[name][num] for num in NUM_LAYERS)]
    for panel, title, density in zip(row, columns, densities, strict=True):
        values = tf.reshape(density.prob(points), [resolution, resolution])
        panel.imshow(
            values, origin="lower", extent=(-4, 4, -4, 4), vmin=0, vmax=highest
        )
        panel.set_title(f"{name}, {title}" if density is target else title, size=9)
figure.savefig(FIGURES / "planar_potentials.png", dpi=150)

# %% [markdown]
# ## Fitting data by maximum likelihood
# Now two moons, from samples alone, by Keras `fit`. `fast="log_prob"`, the default of
# `flows.planar`, turns each map round so that the direction of `fit` is the closed one;
# sampling then solves a scalar equation in each layer.

# %%
moons = TwoMoons(noise=0.1)
train = moons.sample(length(full=20_480, short=256), seed=[0, 1])
test = moons.sample(length(full=20_000, short=256), seed=[0, 2])
depth = length(full=32, short=4)
batch_size = 256
epochs = length(full=60, short=1)


def fit_moons(flow):
    model = tfp_flows.FlowModel(flow)
    steps = epochs * len(train) // batch_size
    rate = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    model.compile(keras.optimizers.Adam(rate))
    model.fit(train, batch_size=batch_size, epochs=epochs, verbose=0)
    print(
        f"{flow.name}: test NLL {model.evaluate(test, verbose=0):.3f} nats, "
        f"entropy {moons.entropy():.3f}"
    )
    return flow


# %%
planar_flow = fit_moons(tfp_flows.flows.planar(2, num_layers=depth, seed=0))
radial_flow = fit_moons(tfp_flows.flows.radial(2, num_layers=depth, seed=0))

# %%
plot_density(planar_flow, data=test.numpy(), path=FIGURES / "planar_moons.png")

# %%
plot_density(radial_flow, data=test.numpy(), path=FIGURES / "radial_moons.png")

# %% [markdown]
# Both directions work, so the same flow can also be sampled and watched layer by layer:

# %%
plot_samples(planar_flow, data=test.numpy(), path=FIGURES / "planar_samples.png")

# %%
plot_stages(*stages(planar_flow), every=4, path=FIGURES / "planar_stages.png")
