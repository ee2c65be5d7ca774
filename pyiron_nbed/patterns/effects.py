"""Effects of microscope and camera drawn at random for each pattern of a training."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pyiron_nbed.checks import interval, is_number, number, seed_number
from pyiron_nbed.containers import instance, known_fields
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.detector_kernels import disc_radii
from pyiron_nbed.patterns.mesh import Mesh
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.units import MINIMUM_ENERGY, electron_wavelength, quantities

if TYPE_CHECKING:
    import torch

Range = float | tuple[float, float] | None


@quantities(
    semiangle="mrad", background_width="1/angstrom", shift="pixel", blur="pixel", beam_stop="1/angstrom",
    beam_energy="eV",
)  # fmt: skip
@dataclass(frozen=True)
class DetectorEffects:
    """What a microscope and its camera do to a pattern, drawn anew for each pattern.

    Each effect is a range (low, high) from which every pattern draws its value, a number for all, or None:
    off. The mask is that of the recipe of the images (:class:`pyiron_nbed.patterns.Recipe`): what lies nearer
    to the centre than its k_min is not looked at, and so no electron there is counted for a dose or a share.

    The effects follow each other as the electrons meet them: convergence of the probe; inelastic and diffuse
    background from the specimen; distortion by the lenses; point spread and counting in the camera; hot
    pixels, which show whatever was counted; last the beam stop. Pixels that a bar hides beyond k_min take the
    value of the opposite ones, as those of prepared measurements do (I(−k) = I(k) for thin specimens).

    With a dose the result is in electrons, else in the unit of the patterns; a recipe with a unit does not
    mind.

    Args:
        semiangle: of convergence in mrad.
        background: share of the electrons in the mask that are background, 0 to 1.
        background_width: standard deviation of its Gaussian in Å⁻¹.
        background_uniform: share of it that is the same everywhere, 0 to 1.
        shift: distance of the centre from the middle of the image in pixels, in a random direction.
        scale: factor by which lengths in the image are wrong.
        ellipticity: ratio of the axes of the ellipse that a circle becomes, along a random direction.
        blur: standard deviation of the point spread in pixels.
        dose: electrons in the mask; drawn uniformly in the logarithm.
        hot_pixels: probability of a pixel to be hot.
        hot_value: what hot pixels show, in units of the brightest pixel in the mask.
        beam_stop: width in Å⁻¹ of a bar that comes from beyond the edge, from a random direction, to the
            centre.
        beam_energy: in eV, for the wavelength of the convergence; None takes that of the mesh.

    Raises:
        InputError: a range out of order or beyond what is allowed.

    Example:
        >>> effects = DetectorEffects(semiangle=(0.5, 2), dose=(1e4, 1e6), beam_energy=200e3)
        >>> recipe = Recipe.experiment(Mesh(1.0, 0.05))
        >>> import torch
        >>> patterns = torch.rand(4, *recipe.mesh.shape)
        >>> effects(patterns, recipe, torch.Generator().manual_seed(0)).shape
        torch.Size([4, 39, 39])
    """

    semiangle: Range = None
    background: Range = None
    background_width: Range = (0.1, 0.4)
    background_uniform: Range = 0.0
    shift: Range = None
    scale: Range = None
    ellipticity: Range = None
    blur: Range = None
    dose: Range = None
    hot_pixels: Range = None
    hot_value: Range = 1.0
    beam_stop: Range = None
    beam_energy: float | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _ALLOWED.items():
            given = getattr(self, name)
            if given is None:
                if name in _COMPANIONS:
                    raise InputError(
                        f"DetectorEffects: {name} is None: give a number or a range (low, high)."
                    )
                continue
            full, hint = f"DetectorEffects: {name}", "or one number, or None"
            if is_number(given):
                value = (float(number(given, full, low, high)),) * 2
            else:
                value = interval(given, full, low, high, hint=hint)
            object.__setattr__(self, name, value)
        if self.beam_energy is not None:
            name, hint = "DetectorEffects: beam_energy", "for example 200e3, or None for that of the mesh"
            energy = number(self.beam_energy, name, MINIMUM_ENERGY, unit="eV", hint=hint)
            object.__setattr__(self, "beam_energy", energy)

    def check(self, recipe: Recipe) -> None:
        """Raise InputError where the effects cannot be had with a recipe."""
        mesh = instance(recipe, "The recipe", Recipe, "a Recipe, for example Recipe.experiment()").mesh
        for name in ("shift", "blur"):
            far = np.max(getattr(self, name) or 0)
            if far > mesh.half:
                raise InputError(
                    f"DetectorEffects: {name} reaches {far:g} pixels, and the image of {mesh} ends "
                    f"{mesh.half} "
                    "pixels from its centre: lower it."
                )
        if self.semiangle is not None:
            disc_radii(np.max(self.semiangle), 1, self._wavelength(mesh), mesh.delta_k, mesh.shape[0])
        if self.dose is not None and recipe.unit is None:
            raise InputError(
                "A dose is counted in electrons, and the recipe takes the intensity in its absolute unit: "
                "take a recipe with a unit, such as Recipe.experiment(), or no dose."
            )

    def __call__(self, patterns: torch.Tensor, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
        """Changed copies of a batch; the same state of the generator gives the same.

        Args:
            patterns: (B, n, n) raw intensity on the mesh of the recipe.
            recipe: of the images; its mesh and mask count.
            generator: source of all draws, on the device of the patterns.

        Returns:
            (B, n, n) intensity, 0 outside the disc |k| < k_max; electrons where there is a dose.

        Raises:
            InputError: patterns that do not fit the mesh, no beam energy, or a generator of another device.
        """
        import torch

        from pyiron_nbed.patterns import detector

        self.check(recipe)
        mesh = recipe.mesh
        detector.check_batch(patterns)
        detector.check_generator(generator, patterns)
        if tuple(patterns.shape[1:]) != mesh.shape:
            raise InputError(f"The patterns have shape {tuple(patterns.shape)}: the mesh has {mesh.shape}.")
        mask = torch.as_tensor(recipe.mask, device=patterns.device)

        def uniform(low: float, high: float) -> np.ndarray:
            draws = torch.rand(
                len(patterns), generator=generator, device=generator.device, dtype=torch.float64
            )
            return low + (high - low) * draws.cpu().numpy()

        def draw(name: str) -> np.ndarray:
            return uniform(*getattr(self, name))

        moved = not (self.shift is self.scale is self.ellipticity is None)
        margin = self._margin(mesh)
        if margin:
            patterns = detector.continued(patterns, mesh, margin)
        wide = torch.nn.functional.pad(mask, [margin] * 4)
        if self.semiangle is not None:
            patterns = detector.converge(patterns, draw("semiangle"), self._wavelength(mesh), mesh.delta_k)
        if self.background is not None:
            share, width, even = map(draw, ("background", "background_width", "background_uniform"))
            patterns = detector.add_background(patterns, share, width, mesh.delta_k, even, wide)
        if moved:
            far = uniform(0, 0) if self.shift is None else draw("shift")
            factor = 1.0 if self.scale is None else draw("scale")
            ratio = 1.0 if self.ellipticity is None else draw("ellipticity")
            way = uniform(0, 2 * np.pi)
            shift = far[:, None] * np.stack([np.cos(way), np.sin(way)], axis=1)
            patterns = detector.distort(patterns, shift, ratio, uniform(0, 180), factor)
        if self.blur is not None:
            patterns = detector.blur(patterns, draw("blur"))
        if margin:
            patterns = patterns[:, margin:-margin, margin:-margin]
        if self.dose is not None:
            patterns = detector.expose(patterns, np.exp(uniform(*np.log(self.dose))), generator, mask)
        if self.hot_pixels is not None:
            share, value = draw("hot_pixels"), draw("hot_value")
            patterns = detector.add_hot_pixels(patterns, share, value, generator, mask)
        if self.beam_stop is not None:
            width, way = draw("beam_stop"), uniform(0, 360)
            hidden = detector.bar_shadow(mesh.shape[0], width, way, mesh.delta_k, patterns.device)
            patterns = torch.where(hidden, patterns.flip((1, 2)), patterns)
        return patterns * torch.as_tensor(mesh.disc, device=patterns.device)

    def of_one_scan(self, seed: int) -> DetectorEffects:
        """Effects with one value each, drawn from the ranges: what all patterns of one scan have in common.

        Args:
            seed: of the draw; the dose is drawn uniformly in its logarithm.

        Example:
            >>> effects = DetectorEffects(blur=(0, 2), dose=(1e3, 1e5)).of_one_scan(0)
            >>> effects.blur[0] == effects.blur[1], effects.dose[0] == effects.dose[1]
            (True, True)
        """
        random = np.random.default_rng(seed_number(seed))
        values = {}
        for name in _ALLOWED:  # every name draws, so that one effect less changes no other
            share, given = random.random(), getattr(self, name)
            if given is None:
                continue
            low, high = np.log(given) if name == "dose" else given
            value = low + (high - low) * share
            values[name] = float(np.exp(value) if name == "dose" else value)
        return replace(self, **values)

    def as_dict(self) -> dict[str, Any]:
        """JSON form: a list [low, high], or None, for each effect."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DetectorEffects:
        """The effects of a JSON form; InputError names an unknown one.

        Example:
            >>> DetectorEffects.from_dict({"blur": [0, 2]}).blur
            (0.0, 2.0)
        """
        return cls(**known_fields(values, "The detector effects", cls))

    def _margin(self, mesh: Mesh) -> int:
        # pixels around the image that the effects bring in
        def range_of(name: str, off: float) -> tuple[float, float]:
            given = getattr(self, name)
            return (off, off) if given is None else given

        far = range_of("shift", 0.0)[1] + 4 * range_of("blur", 0.0)[1]
        for name, power in (("scale", 1.0), ("ellipticity", 0.5)):
            stretch = max(max(value, 1 / value) ** power for value in range_of(name, 1.0))
            far += 1.05 * mesh.half * (stretch - 1)
        if self.semiangle is not None:
            far += 1e-3 * range_of("semiangle", 0.0)[1] / self._wavelength(mesh) / mesh.delta_k
        return int(np.ceil(far)) + 1 if far else 0

    def _wavelength(self, mesh: Mesh) -> float:
        energy = mesh.beam_energy if self.beam_energy is None else self.beam_energy
        if energy is None:
            raise InputError(
                "The convergence needs a wavelength: give DetectorEffects(beam_energy=200e3) or a mesh with "
                "a beam_energy in eV."
            )
        return electron_wavelength(energy)


_COMPANIONS = ("background_width", "background_uniform", "hot_value")  # parameters of other effects
_ALLOWED = {
    "semiangle": (0.0, 100.0), "background": (0.0, 1.0), "background_width": (1e-3, 10.0),
    "background_uniform": (0.0, 1.0), "shift": (0.0, 1e3), "scale": (0.5, 2.0),
    "ellipticity": (0.1, 10.0), "blur": (0.0, 1e2),
    "dose": (1e-3, 1e15), "hot_pixels": (0.0, 1.0), "hot_value": (0.0, 1e6), "beam_stop": (0.0, 0.5),
}  # fmt: skip
