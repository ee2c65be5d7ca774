"""A recipe applied: tensors of raw intensity to tensors of images, on any device."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from pyiron_nbed.containers import instance
from pyiron_nbed.errors import DatasetError, InputError

if TYPE_CHECKING:
    from pyiron_nbed.patterns.recipe import Recipe

_ITERATIONS, _CHANGE = 200, 2e-4  # of the total variation, as in [WuRupert2026]


def recipe_images(recipe: Recipe, patterns: torch.Tensor, check: bool = True) -> torch.Tensor:
    """The images of a batch; see :class:`pyiron_nbed.patterns.Recipe`.

    Args:
        recipe: how.
        patterns: (B, n, n) raw intensity ≥ 0; outside the mask of the recipe anything.
        check: look for NaN, infinite and negative intensity.

    Returns:
        (B, 1, n, n) float32, 0 outside the mask.

    Raises:
        DatasetError: another shape; NaN, infinite or negative intensity in the mask.
        InputError: no tensor, or the scaling "set".

    Example:
        >>> from pyiron_nbed import Mesh
        >>> from pyiron_nbed.patterns.recipe import Recipe
        >>> recipe_images(Recipe.simulation(Mesh(1.0, 0.2)), torch.rand(2, 9, 9)).amax(dim=(1, 2, 3))
        tensor([1., 1.])
    """
    instance(patterns, "The patterns", torch.Tensor, "a tensor, or an array to recipe.images")
    if patterns.ndim != 3 or tuple(patterns.shape[1:]) != recipe.mesh.shape:
        n = recipe.mesh.shape[0]
        raise DatasetError(
            f"The patterns have shape {tuple(patterns.shape)}: expected (P, {n}, {n}) for {recipe.mesh}."
        )
    if recipe.scaling == "set":
        raise InputError(
            "The recipe scales by the largest value of a training set that is not known: give "
            "Recipe.study(scale=…)."
        )
    mask, annulus = masks(recipe, patterns.device)
    values = torch.where(mask, patterns.float(), 0)
    if check and not bool(((values >= 0) & (values < torch.inf)).all()):
        raise DatasetError(
            "The patterns hold NaN, infinite or negative intensity where the recipe looks: raw intensity is "
            "needed, with bad pixels repaired."
        )
    values = transformed(recipe, values, annulus)
    values = torch.where(mask, _scaled(recipe, values, mask), 0)
    if recipe.denoising is not None:
        values = denoised(values, recipe.denoising)
        if recipe.scaling == "pattern":
            values = _scaled(recipe, values, mask)
        values = torch.where(mask, values, 0)
    return values[:, None]


def transformed(recipe: Recipe, values: torch.Tensor, annulus: torch.Tensor) -> torch.Tensor:
    """Transformed intensity in the unit of the recipe, before scaling.

    Args:
        recipe: how.
        values: (B, n, n) float32 ≥ 0.
        annulus: (n, n) bool.

    Returns:
        (B, n, n); 0 where a pattern has no unit.
    """
    if recipe.unit is not None:
        mean = torch.where(annulus, values, 0).sum(dim=(1, 2), keepdim=True) / annulus.sum()
        values = torch.where(mean > 0, values / mean, 0)
    if recipe.transform == "sqrt":
        return values.sqrt()
    if recipe.transform == "log":
        return torch.log1p(recipe.gain * values)
    return values.clamp_min(1).log()


def largest_value(recipe: Recipe, patterns: torch.Tensor) -> float:
    """Largest transformed value in the mask, what the scaling "set" of a recipe divides by.

    Args:
        recipe: how.
        patterns: (B, n, n) raw intensity ≥ 0.
    """
    mask, annulus = masks(recipe, patterns.device)
    values = transformed(recipe, torch.where(mask, patterns.float(), 0), annulus)
    return float(torch.where(mask, values, 0).max())


def _scaled(recipe: Recipe, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    if recipe.scaling == "none":
        return values
    if recipe.scaling != "pattern":
        return values / float(recipe.scaling)
    low = torch.where(mask, values, torch.inf).amin(dim=(1, 2), keepdim=True)
    high = torch.where(mask, values, -torch.inf).amax(dim=(1, 2), keepdim=True)
    return (values - low) / torch.where(high > low, high - low, 1)


@lru_cache(maxsize=16)
def masks(recipe: Recipe, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mask and annulus of a recipe on a device, (n, n) bool each."""
    return torch.as_tensor(recipe.mask, device=device), torch.as_tensor(recipe.annulus, device=device)


def denoised(images: torch.Tensor, weight: float) -> torch.Tensor:
    """Total-variation denoising of each image by Chambolle's projection, as ``skimage.restoration``.

    Minimises ½‖u − image‖² + weight · TV(u) [Chambolle2004]; each image
    stops where its energy changes by less than 2e-4 of that of the first iteration, after 200 iterations at
    most.

    Args:
        images: (B, n, n).
        weight: of the total variation.

    Returns:
        (B, n, n).

    Example:
        >>> noisy = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
        >>> bool(denoised(noisy, 0.1).std() < noisy.std())
        True
    """
    count = images[0].numel()
    p = images.new_zeros(2, *images.shape)
    out = images.clone()
    active = torch.arange(len(images), device=images.device)
    first = previous = None
    step = 1.0 / 4  # 1 / (2 · dimensions)
    for _ in range(_ITERATIONS):
        own, q = images[active], p[:, active]
        divergence = -q.sum(dim=0)
        divergence[:, 1:] += q[0, :, :-1]
        divergence[:, :, 1:] += q[1, :, :, :-1]
        result = own + divergence
        energy = (divergence**2).sum(dim=(1, 2))
        gradient = torch.zeros_like(q)
        gradient[0, :, :-1] = result.diff(dim=1)
        gradient[1, :, :, :-1] = result.diff(dim=2)
        norm = gradient.pow(2).sum(dim=0).sqrt()
        energy = (energy + weight * norm.sum(dim=(1, 2))) / count
        p[:, active] = (q - step * gradient) / (1 + norm * step / weight)
        out[active] = result
        if first is None or previous is None:
            first = previous = energy
            continue
        going = (previous - energy).abs() >= _CHANGE * first
        active, first, previous = active[going], first[going], energy[going]
        if not len(active):
            break
    return out
