"""TFP's own Glow, with TFP's own networks, which must be given to it."""

import tensorflow as tf
from tensorflow_probability import bijectors as tfb
from tensorflow_probability import distributions as tfd

from benchmarks.cases import Case


def glow(case: Case) -> tuple[tfd.TransformedDistribution, list[tf.Variable]]:
    """The flow, of images, and the variables of it and of its networks."""
    networks = []

    def held(make):
        def made(*arguments, **keywords):
            networks.append(make(*arguments, **keywords))
            return networks[-1]

        return made

    width = case.hidden_units[0]
    bijector = tfb.Glow(
        output_shape=case.image_shape,
        num_glow_blocks=case.num_levels,
        num_steps_per_block=case.num_layers // case.num_levels,
        coupling_bijector_fn=held(
            lambda shape: tfb.GlowDefaultNetwork(shape, num_hidden=width)
        ),
        exit_bijector_fn=held(tfb.GlowDefaultExitNetwork),
        use_actnorm=True,
        seed=0,
    )
    base = tfd.MultivariateNormalDiag(tf.zeros(case.event_size))
    flow = tfd.TransformedDistribution(base, bijector)
    # Its networks and ActNorm are built, the latter from these data, by a call.
    flow.log_prob(tf.constant(case.rows(case.train_batch)))
    found = [*flow.trainable_variables]
    for network in networks:
        found += network.trainable_variables
    unique = {id(variable): variable for variable in found}
    return flow, list(unique.values())
