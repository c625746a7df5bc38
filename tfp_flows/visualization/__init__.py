"""Pictures of flows in two dimensions, of tables, and of training.

Every function returns a matplotlib figure, made with pyplot (a notebook shows it), and
saves it if it is given a ``path``. `TrainingGIF` is a Keras callback. matplotlib is
imported when the first picture is drawn.
"""

from tfp_flows.stages import stages
from tfp_flows.visualization.calibration import plot_calibration
from tfp_flows.visualization.density import plot_density
from tfp_flows.visualization.history import plot_history
from tfp_flows.visualization.marginals import plot_marginals
from tfp_flows.visualization.pairs import plot_pairs
from tfp_flows.visualization.samples import plot_samples
from tfp_flows.visualization.stage_plot import plot_stages
from tfp_flows.visualization.training_gif import TrainingGIF

__all__ = [
    "TrainingGIF",
    "plot_calibration",
    "plot_density",
    "plot_history",
    "plot_marginals",
    "plot_pairs",
    "plot_samples",
    "plot_stages",
    "stages",
]
