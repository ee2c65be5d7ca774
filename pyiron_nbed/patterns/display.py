"""What a notebook shows of patterns and maps: small pictures with a line of text."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import numpy as np

from pyiron_nbed.patterns.mesh import Mesh

_GAIN = 4.0  # as of the logarithm of Recipe, which needs torch and is not waited for here
_GAP = 2  # pixels between patterns


def gallery(patterns: np.ndarray, mesh: Mesh) -> np.ndarray:
    """Patterns side by side on a logarithmic scale.

    Args:
        patterns: (P, n, n) raw intensity.
        mesh: their mesh.

    Returns:
        (n, P (n + 2) − 2) from 0 to 1, NaN outside the discs; rows from the lowest k_y on.

    Example:
        >>> gallery(np.ones((2, 39, 39)), Mesh(1.0, 0.05)).shape
        (39, 80)
    """
    intensity = np.asarray(patterns, float)
    unit = intensity[:, mesh.disc].mean(axis=1)[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        shown = np.log1p(_GAIN * intensity / unit)
        shown = np.where(mesh.disc, shown / shown[:, mesh.disc].max(axis=1)[:, None, None], np.nan)
    return np.pad(shown, ((0, 0), (0, 0), (0, _GAP)), constant_values=np.nan).transpose(1, 0, 2).reshape(
        mesh.shape[0], -1
    )[:, :-_GAP]  # fmt: skip


def picture(values: np.ndarray, title: str, colors: str = "inferno", height: int = 110) -> str:
    """A map as an image in HTML.

    Args:
        values: (rows, columns), the first row below; NaN is left empty.
        title: what it shows.
        colors: name of a matplotlib colour map.
        height: in pixels of the screen.

    Returns:
        HTML.

    Example:
        >>> picture(np.eye(3), "unity").startswith("<figure")
        True
    """
    from matplotlib import colormaps  # only where something is shown
    from matplotlib.image import imsave

    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
    pixels = colormaps[colors]((values - low) / ((high - low) or 1.0), bytes=True)
    pixels[~np.isfinite(values), 3] = 0
    file = io.BytesIO()
    imsave(file, pixels, origin="lower", format="png")
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<figure style="display:inline-block;margin:4px"><img src="data:image/png;base64,{data}" '
        f'style="height:{height}px;image-rendering:pixelated" alt="{html.escape(title)}">'
        f"<figcaption>{html.escape(title)}</figcaption></figure>"
    )


def page(text: Any, *pictures: str) -> str:
    """Text with pictures below it, as ``_repr_html_`` gives it.

    Example:
        >>> page("2 < 3")
        '<p>2 &lt; 3</p>'
    """
    return f"<p>{html.escape(str(text))}</p>{''.join(pictures)}"
