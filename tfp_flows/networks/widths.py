"""The width of hidden layers that nobody chose."""

_USUAL = 64


def default_hidden_units(event_size: int) -> list[int]:
    """Two hidden layers of a masked network, wide enough for any number of dimensions.

    64 units each up to D = 64, and D beyond: a masked layer needs a unit for each
    dimension that another may depend on.

    Args:
        event_size: D.

    >>> default_hidden_units(2), default_hidden_units(256)
    ([64, 64], [256, 256])
    """
    return [max(_USUAL, event_size)] * 2
