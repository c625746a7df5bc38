"""Objectives: what ``FlowModel.fit`` minimizes."""

from tfp_flows.objectives.batch import Batch, BatchSpec
from tfp_flows.objectives.function_objective import FunctionObjective
from tfp_flows.objectives.maximum_likelihood import MaximumLikelihood
from tfp_flows.objectives.objective import Objective

__all__ = ["Batch", "BatchSpec", "FunctionObjective", "MaximumLikelihood", "Objective"]
