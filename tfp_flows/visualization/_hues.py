"""Colors for angles."""

import numpy as np

# From Oklab to cone responses and from these to linear sRGB, as its author published
# them: https://bottosson.github.io/posts/oklab
_LAB_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_CONES_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def hues(angles: np.ndarray) -> np.ndarray:
    """Angles ``[N]`` in radians to sRGB ``[N, 3]``, cyclic and perceptually even.

    A circle in Oklab: one lightness and one chroma for all hues, so that no direction
    is louder than another and all stand out on white, as matplotlib's own cyclic map
    (twilight, which passes through near-white) does not.
    """
    lightness, chroma = 0.68, 0.125
    lab = np.stack(
        [
            np.full_like(angles, lightness),
            chroma * np.cos(angles),
            chroma * np.sin(angles),
        ],
        axis=-1,
    )
    linear = np.clip((lab @ _LAB_TO_CONES.T) ** 3 @ _CONES_TO_RGB.T, 0.0, 1.0)
    bright = 1.055 * linear ** (1.0 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, bright)
