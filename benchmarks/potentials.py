"""Prints how near planar and Sylvester flows of equal depth come to a potential.

python -m benchmarks.potentials                all four potentials, about 3 minutes
python -m benchmarks.potentials U1 --layers 2  one of them

Reverse KL as in tutorial 3: the flow ends on the square [−4, 4]², and the potential is
turned on little by little.
"""

import argparse

import keras
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_flows import datasets, flows

tfb, tfd = tfp.bijectors, tfp.distributions

STEPS = 2000
BATCH = 256
RATE = 1e-2  # Of tutorial 3.
NUM_SAMPLES = 100_000
TARGETS = {name: getattr(datasets, name) for name in ("U1", "U2", "U3", "U4")}
FLOWS = {"planar": flows.planar, "sylvester": flows.sylvester}


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.potentials")
    parser.add_argument("names", nargs="*", help="U1 … U4; all if none is given")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    print(f"KL(q‖p) in nats; {options.layers} layers, {options.steps} steps of {BATCH}")
    for name in options.names or TARGETS:
        target = TARGETS[name]()
        found = {
            kind: kl_divergence(
                fitted(make, target, options.layers, options.steps), target
            )
            for kind, make in FLOWS.items()
        }
        print(name, *(f"{kind} {value:.3f}" for kind, value in found.items()), sep="  ")


def fitted(make, target, num_layers: int, steps: int) -> tfd.Distribution:
    """The flow, fitted to the potential by reverse KL."""
    flow = make(2, num_layers=num_layers, fast="sample", seed=0)
    box = tfb.Sigmoid(tf.constant(-4.0), tf.constant(4.0))
    chain = tfb.Chain([box, flow.bijector])
    q = tfd.TransformedDistribution(flow.distribution, chain, name="q")
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(RATE, steps)
    )

    def annealed(z):
        progress = tf.cast(optimizer.iterations.value, tf.float32) / steps
        return -tf.minimum(1.0, 0.05 + 2.0 * progress) * target.potential(z)

    tfp.vi.fit_surrogate_posterior(
        annealed,
        q,
        optimizer=optimizer,
        num_steps=steps,
        sample_size=BATCH,
        jit_compile=True,
        seed=[0, 1],
    )
    return q


def kl_divergence(q: tfd.Distribution, target) -> float:
    """KL(q‖p) = ln Z − ELBO, of samples of q."""
    z, log_q = q.experimental_sample_and_log_prob(NUM_SAMPLES, seed=[0, 1])
    elbo = -tf.reduce_mean(log_q + target.potential(z))
    return float(target.log_normalizer - elbo)


if __name__ == "__main__":
    main()
