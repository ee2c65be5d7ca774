"""What a regression on a few physical features of a pattern reaches: the measure of every network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pyiron_nbed.checks import real_array, seed_number
from pyiron_nbed.containers import instance, row_numbers
from pyiron_nbed.dataset import PatternDataset, Split
from pyiron_nbed.errors import InputError
from pyiron_nbed.learning.data import by_dataset, draw_seed
from pyiron_nbed.learning.polar import angular_spectra
from pyiron_nbed.patterns.effects import DetectorEffects
from pyiron_nbed.patterns.mesh import check_patterns
from pyiron_nbed.patterns.recipe import Recipe

BASELINES = ("constant", "ridge", "boosting")
ORDERS = (2, 4, 6, 8, 10, 12)  # of a flat slice I(k) = I(-k): odd orders vanish
RING_WIDTH = 0.05  # Å⁻¹: a volume 10 Å across has no finer detail
_ALL = 64  # orders that 128 angles resolve
MAX_PATTERNS = 8000
SOURCE_PATTERNS = 4096
_BATCH = 256  # patterns in memory at a time


def pattern_features(
    patterns: Any,
    recipe: Recipe,
    rows: np.ndarray | None = None,
    detector: DetectorEffects | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Radial and angular features of patterns, which do not change when a pattern is rotated.

    From a_m(k) = |(1/A) Σ_φ I(k, φ) exp(−imφ)| on rings one pixel apart
    (:func:`pyiron_nbed.learning.polar.angular_spectra`), side by side:

    * a_0(k), the radial mean, of the network's image, averaged
      over rings 0.05 Å⁻¹ wide;
    * log(1 + V) of the azimuthal variance V(k) = ⟨I²⟩/⟨I⟩² − 1 = 2 Σ_m a_m²/a_0² of the intensity, averaged
      over the same rings, as of fluctuation electron microscopy [TreacyGibson1996];
    * the root mean square over rings 0.1 Å⁻¹ wide of a_m(k) of the image for m = 2, 4, …, 12: a_m² are the
      Fourier coefficients of the angular correlation function [Wochner2009].

    None depends on the unit of the intensity where the recipe has a unit.

    Args:
        patterns: (P, n, n) raw intensity ≥ 0; ``PatternDataset.patterns`` are read piece by piece.
        recipe: of the images; rings that its mask reaches are left out.
        rows: (R,) of the patterns; None takes all.
        detector: effects that the patterns are seen through first.
        seed: of their draws.

    Returns:
        (R, F) float32; F is about 100 for k_max = 1 Å⁻¹.

    Raises:
        DatasetError: NaN or negative intensity.
        InputError: patterns of another shape than the mesh, or another argument out of range.

    Example:
        >>> from pyiron_nbed import Mesh
        >>> recipe = Recipe.simulation(Mesh(1.0, 0.05))
        >>> patterns = np.random.default_rng(0).random((3, *recipe.mesh.shape))
        >>> features = pattern_features(patterns, recipe)
        >>> turned = pattern_features(np.rot90(patterns, 1, (1, 2)), recipe)
        >>> features.shape, bool(np.allclose(features, turned, atol=1e-5))
        ((3, 98), True)
    """
    mesh = instance(recipe, "The recipe", Recipe, "a Recipe, for example Recipe.simulation(mesh)").mesh
    if detector is not None:
        instance(detector, "The detector", DetectorEffects, "DetectorEffects, or None")
    rows, seed = row_numbers(rows, check_patterns(patterns, mesh)[0]), seed_number(seed)
    mask = torch.from_numpy(recipe.mask)
    generator = torch.Generator()
    k = mesh.delta_k * np.arange(1, mesh.shape[0] // 2 + 1)
    used = k < mesh.k_max - 1e-9
    if recipe.k_min:  # interpolation must not reach under the mask
        used &= k >= recipe.k_min + mesh.delta_k
    k = k[used]
    rings = torch.from_numpy(np.flatnonzero(used))
    narrow, wide = (
        np.rint(k / max(width, mesh.delta_k)).astype(int) for width in (RING_WIDTH, 2 * RING_WIDTH)
    )
    parts = []
    for start in range(0, len(rows), _BATCH):
        intensity = torch.from_numpy(np.ascontiguousarray(patterns[rows[start : start + _BATCH]], np.float32))
        if detector is not None:
            intensity = detector(intensity, recipe, generator.manual_seed(draw_seed(seed, start)))
        images = angular_spectra(recipe(intensity), _ALL)[..., rings].numpy()
        intensity = torch.where(mask, intensity, 0)[:, None]
        power = angular_spectra(intensity, _ALL)[..., rings].numpy() ** 2
        mean = np.maximum(power[:, 0], 1e-30)  # where nothing scatters there is no variance
        variance = 2 * power[:, 1:].sum(axis=1) / mean
        outer = wide > 0  # close to k = 0 a ring has too few pixels for these orders
        angular = np.sqrt(_averages(images[:, list(ORDERS)][..., outer] ** 2, wide[outer]))
        blocks = [_averages(images[:, 0], narrow), np.log1p(_averages(variance, narrow)), angular]
        parts.append(np.concatenate([block.reshape(len(intensity), -1) for block in blocks], axis=1))
    return np.concatenate(parts).astype(np.float32) if parts else np.empty((0, 0), np.float32)


def _averages(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    return np.stack([values[..., group == g].mean(axis=-1) for g in np.unique(group)], axis=-1)


def fit_baselines(
    features: np.ndarray, labels: np.ndarray, new_features: np.ndarray, seed: int = 0
) -> dict[str, np.ndarray]:
    """Predictions of a constant, of ridge regression and of gradient boosting.

    The constant is the mean label. Ridge regression [HoerlKennard1970] is on features scaled to mean 0 and
    standard deviation 1 over the training patterns, its penalty of 10⁻³ to 10⁵ chosen by leave-one-out error
    for each label. Gradient boosting [Friedman2001] is scikit-learn's ``HistGradientBoostingRegressor`` with
    200 trees, for each label.

    Args:
        features: (P, F) of the training patterns.
        labels: (P, L) of the training patterns.
        new_features: (T, F) of the patterns to predict.
        seed: of the boosting.

    Returns:
        {"constant", "ridge", "boosting"}: (T, L) float64 each.

    Raises:
        InputError: no finite numbers, or shapes that do not fit each other.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(300, 2))
        >>> predicted = fit_baselines(x[:200], x[:200] @ [[1.0], [2.0]], x[200:])
        >>> bool(np.allclose(predicted["ridge"], x[200:] @ [[1.0], [2.0]], atol=1e-3))
        True
    """
    # a second to import, which loading a model should not take
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels, new_features = (
        real_array(values, name, (None, None), "an array of numbers in two dimensions")
        for values, name in ((features, "features"), (labels, "labels"), (new_features, "new_features"))
    )
    seed = seed_number(seed)
    if not len(labels) or len(labels) != len(features) or features.shape[1:] != new_features.shape[1:]:
        raise InputError(
            f"The features have shapes {features.shape} and {new_features.shape}, the labels {labels.shape}: "
            "give (P, F), (T, F) and (P, L)."
        )
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 5, 17), alpha_per_target=True))
    with threadpool_limits(1):  # on busy cores, more threads wait for each other longer than they work
        linear = ridge.fit(features, labels).predict(new_features).reshape(-1, labels.shape[1])
        trees = [
            HistGradientBoostingRegressor(max_iter=200, early_stopping=False, random_state=seed)
            .fit(features, own)
            .predict(new_features)
            for own in labels.T
        ]
    constant = np.repeat(labels.mean(axis=0, keepdims=True), len(new_features), axis=0)
    return {"constant": constant, "ridge": linear, "boosting": np.column_stack(trees)}


def baselines(
    datasets: Sequence[PatternDataset],
    split: Split,
    labels: Sequence[str] = ("disorder_parameter",),
    seed: int = 0,
    source: Any = None,
    recipe: Recipe | None = None,
    detector: DetectorEffects | None = None,
    max_patterns: int = MAX_PATTERNS,
) -> tuple[dict[str, np.ndarray], int]:
    """Predictions of the baselines for the test patterns of a split.

    Args:
        datasets: D datasets on one mesh.
        split: which rows, counted through all of them, are for training and for testing.
        labels: names of the L labels.
        seed: of the choice of training patterns and of the boosting.
        source: where given, a :class:`pyiron_nbed.learning.PatternSource` that the training patterns come
            from, in place of ``split.train``; its labels must be ``labels``.
        recipe: of the images; None takes that of the first dataset.
        detector: effects that the patterns of training and test are seen through first.
        max_patterns: training patterns at most; where there are more, so many are drawn at random. From a
            source the first batches are taken, 4096 patterns or ``max_patterns`` where that is less.

    Returns:
        ({"constant", "ridge", "boosting"}: (len(split.test), L) float64 each, in the order of
        ``split.test``; number of training patterns used). The constant is the mean label of these.

    Raises:
        InputError: a label that a dataset does not have.
        DatasetError: NaN or negative intensity.

    Example:
        >>> import tempfile
        >>> from pyiron_nbed import Cylinder, Mesh, examples
        >>> from pyiron_nbed.dataset import build_dataset, split_dataset
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     n = build_dataset(folder + "/glass.h5", [examples.load("glass_fast")], [Cylinder(5, 20)],
        ...                       Mesh(1.0, 0.05), step=10, labels=["disorder_parameter"])
        ...     dataset = PatternDataset(folder + "/glass.h5")
        ...     predicted, n_train = baselines([dataset], split_dataset([dataset], "random"))
        >>> sorted(predicted), n_train == n - len(predicted["ridge"])
        (['boosting', 'constant', 'ridge'], True)
    """
    names = list(labels)
    seen = (recipe or datasets[0].recipe, detector, seed)
    if source is None:
        chosen = split.train
        if len(chosen) > max_patterns:
            draw = np.random.default_rng(seed).choice(len(chosen), max_patterns, replace=False)
            chosen = chosen[np.sort(draw)]
        features, truth = _features(datasets, chosen, *seen), _truth(datasets, chosen, names)
    else:
        count = min(max_patterns, SOURCE_PATTERNS)
        batches = [source.batch(number) for number in range(-(-count // source.batch_size))]
        patterns = [
            pattern_features(batch.patterns.cpu().numpy(), seen[0], None, detector, seed + number)
            for number, batch in enumerate(batches)
        ]
        features = np.concatenate(patterns)
        truth = np.concatenate([batch.labels.cpu().numpy() for batch in batches])
    return fit_baselines(features, truth, _features(datasets, split.test, *seen), seed), len(features)


def _features(
    datasets: Sequence[PatternDataset], rows: np.ndarray, recipe: Recipe, detector: Any, seed: int
) -> np.ndarray:
    return np.concatenate(
        [
            pattern_features(datasets[d].patterns, recipe, own, detector, seed + d)
            for d, own in by_dataset(datasets, rows)
        ]
    )


def _truth(datasets: Sequence[PatternDataset], rows: np.ndarray, names: Sequence[str]) -> np.ndarray:
    parts = by_dataset(datasets, rows)
    return np.concatenate(
        [np.column_stack([datasets[d].label(name)[own] for name in names]) for d, own in parts]
    )
