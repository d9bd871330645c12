"""Real data without a download: the handwritten digits bundled with scikit-learn."""

import numpy as np

from ..errors import MissingPackageError
from .classification import Classification


def digits() -> Classification:
    """Images of handwritten digits: 1797 examples of 8 x 8 pixels, 10 classes.

    Each pixel is divided by its maximum, 16, so that features lie in [0, 1]; row ``i`` of the
    image is ``features[:, 8 * i : 8 * i + 8]``. They come in the order of the file, which is not
    random: neighbors were written by the same hand.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, 1998, doi:10.24432/C50P49 (its test part, as scikit-learn ships it).

    Raises
    ------
    MissingPackageError
        When scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingPackageError(
            "digits() reads the images that come with scikit-learn, which is not installed; "
            "install it with: pip install scikit-learn"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    return Classification(pixels.astype(np.float64) / 16.0, labels.astype(np.int64), num_classes=10)
