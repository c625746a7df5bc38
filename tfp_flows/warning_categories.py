"""The categories of the package's warnings, to turn into errors or off."""


class DataWarning(UserWarning):
    """The data of `FlowModel.fit` can be trained on, but may not be meant so.

    >>> import warnings, tfp_flows
    >>> warnings.simplefilter("error", tfp_flows.DataWarning)  # "ignore": off
    """
