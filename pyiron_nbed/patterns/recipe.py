"""From raw intensity to the image of a network: one recipe in training, tests, predictions and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pyiron_nbed.checks import interval, is_number, number, one_of, shown
from pyiron_nbed.containers import instance, known_fields
from pyiron_nbed.errors import InputError, ModelError
from pyiron_nbed.patterns.mesh import Mesh, as_mesh, check_patterns
from pyiron_nbed.units import quantities

if TYPE_CHECKING:
    import torch

TRANSFORMS = ("log", "sqrt", "log_above_one")
SCALINGS = ("pattern", "none", "set")
NAMED = ("simulation", "experiment", "study")
_UNIT = (0.3, 0.6)  # Å⁻¹, around the first ring of a metallic glass: about half of the electrons outside
# Å⁻¹: a probe 10 Å wide, the standard volume, has an unscattered disc of 0.05, and a pixel more is needed;
# what wider masks cost is in docs/results.md
K_MIN_EXPERIMENT = 0.1


@quantities(k_min="1/angstrom", unit="1/angstrom")
@dataclass(frozen=True)
class Recipe:
    """How the image of a network is made from the raw intensity of a pattern.

    With M the pixels k_min ≤ \\|k\\| < k_max, the image is computed on M and is 0 elsewhere; what lies
    outside of M has no effect on it, whatever it is:

    1. the unit: u = mean of I over the annulus ``unit`` within M, and x = I / u. A camera's counts and
       simulated intensities in Å² then mean the same, and a factor in front of the intensity does not matter;
    2. the transform t(x): "log": log(1 + gain · x); "sqrt": √x; "log_above_one": log(max(x, 1));
    3. the scaling: "pattern": (t − min t) / (max t − min t) over M of each pattern; a number: t divided by
       it; "none": t;
    4. the denoising by total variation [Chambolle2004] with a weight, at
       most 200 iterations, to a relative change of 2e-4, and once more the scaling "pattern" where that is
       chosen.

    A pattern without intensity in the annulus has no unit: its image is 0 everywhere.

    Args:
        mesh: pixels of the pattern.
        k_min: in Å⁻¹; pixels nearer to the centre are masked (direct beam, beam stop).
        unit: (inner, outer) \\|k\\| in Å⁻¹ of the annulus; None takes the intensity as it is.
        transform: "log", "sqrt" or "log_above_one".
        gain: of "log".
        scaling: "pattern", "none", a number above 0, or "set": the largest transformed value of the training
            set, which a training finds and puts in its place.
        denoising: weight of the total variation, 0.1 in [WuRupert2026]; None: none.

    Raises:
        InputError: a value out of range, or an annulus without pixels.

    Example:
        >>> recipe = Recipe.simulation(Mesh(1.0, 0.05))
        >>> patterns = np.random.default_rng(0).random((2, 39, 39))
        >>> images = recipe.images(patterns)
        >>> images.shape, bool(np.allclose(images, recipe.images(1000 * patterns), atol=1e-5))
        ((2, 39, 39), True)
    """

    mesh: Mesh
    k_min: float = 0.0
    unit: tuple[float, float] | None = _UNIT
    transform: str = "log"
    gain: float = 4.0
    scaling: str | float = "pattern"
    denoising: float | None = None

    def __post_init__(self) -> None:
        instance(self.mesh, "The mesh of a recipe", Mesh, "a Mesh, for example Mesh(1.0, 0.045)")
        k_min = number(self.k_min, "k_min", 0, below=self.mesh.k_max, unit="Å⁻¹", hint="k_max of the mesh")
        object.__setattr__(self, "k_min", float(k_min))
        if self.unit is not None:
            unit = interval(self.unit, "unit", 0, unit="Å⁻¹", hint="or None")
            object.__setattr__(self, "unit", unit)
            if not self.annulus.any():
                raise InputError(
                    f"No pixel between k_min = {self.k_min} and k_max = {self.mesh.k_max} Å⁻¹ lies in the "
                    f"annulus {self.unit}: give one that the mesh reaches."
                )
        one_of(self.transform, "transform", TRANSFORMS)
        object.__setattr__(self, "gain", number(self.gain, "gain", above=0))
        if is_number(self.scaling) and float(self.scaling) > 0:
            object.__setattr__(self, "scaling", float(self.scaling))
        else:
            one_of(self.scaling, "scaling", SCALINGS, "or a number above 0")
        if self.denoising is not None:
            weight = number(self.denoising, "denoising", above=0, hint="for example 0.1, or None")
            object.__setattr__(self, "denoising", weight)

    @classmethod
    def simulation(cls, mesh: Mesh | None = None) -> Recipe:
        """Everything inside the disc counts, the direct beam too: for simulated patterns.

        Args:
            mesh: default Mesh(); one that does not reach the usual annulus has its unit in its outer half.

        Example:
            >>> Recipe.simulation(Mesh(0.25, 0.05)).unit
            (0.125, 0.25)
        """
        mesh = Mesh() if mesh is None else as_mesh(mesh)
        if (mesh.disc & (mesh.k >= _UNIT[0])).any():
            return cls(mesh)
        return cls(mesh, unit=(mesh.k_max / 2, mesh.k_max))

    @classmethod
    def experiment(cls, mesh: Mesh | None = None, k_min: float = K_MIN_EXPERIMENT) -> Recipe:
        """What a camera can see: the centre masked, pixels that average over their area.

        Args:
            mesh: default Mesh(1.0, 0.045, integrate=3), 45 × 45 pixels.
            k_min: in Å⁻¹; above the radius α/λ of the unscattered disc and that of the beam stop.

        Example:
            >>> Recipe.experiment().mesh.integrate
            3
        """
        return cls(Mesh(1.0, 0.045, integrate=3) if mesh is None else mesh, k_min)

    @classmethod
    def study(cls, mesh: Mesh | None = None, scale: float | None = None) -> Recipe:
        """That of the authors of [WuRupert2026]: log(max(I, 1)) over one number, absolute intensity.

        Args:
            mesh: default Mesh(), 133 × 133 pixels.
            scale: largest log(max(I, 1)) of their training set; None lets a training find that of its own.
        """
        return cls(
            Mesh() if mesh is None else mesh, unit=None, transform="log_above_one",
            scaling="set" if scale is None else scale,
        )  # fmt: skip

    @classmethod
    def resolve(cls, given: Any, mesh: Mesh, default: Recipe | None = None) -> Recipe:
        """The recipe that a setting means on a mesh.

        Args:
            given: a Recipe; a name, "simulation", "experiment" or "study"; a dict of fields (those left out
                as in Recipe.simulation); or None.
            mesh: of the patterns.
            default: what None means; Recipe.simulation(mesh) where it is None too.

        Raises:
            InputError: an unknown name or field, or a recipe for another mesh.

        Example:
            >>> Recipe.resolve("experiment", Mesh(1.0, 0.05)).k_min
            0.1
        """
        if given is None:
            return cls.simulation(mesh) if default is None else default
        if isinstance(given, str):
            return getattr(cls, one_of(given, "The recipe", NAMED, "or a Recipe"))(mesh)
        if isinstance(given, Mapping):
            given = cls.from_dict({**cls.simulation(mesh).as_dict(), **given})
        if not isinstance(given, Recipe):
            raise InputError(
                f"The recipe is {shown(given)}: give a Recipe, the name of one or a dict of its fields."
            )
        if given.mesh != mesh:
            raise InputError(
                f"The recipe is for {given.mesh} and the patterns have {mesh}: give both the same mesh."
            )
        return given

    @property
    def mask(self) -> np.ndarray:
        """(n, n) bool, the pixels that count: k_min ≤ |k| < k_max."""
        return self.mesh.disc & (self.mesh.k >= self.k_min * (1 - 1e-9))

    @property
    def annulus(self) -> np.ndarray:
        """(n, n) bool, the pixels whose mean intensity is the unit."""
        inner, outer = self.unit or (0.0, np.inf)
        k = self.mesh.k
        return self.mask & (k >= inner * (1 - 1e-9)) & (k < outer)

    def __call__(self, patterns: torch.Tensor, check: bool = True) -> torch.Tensor:
        """Images of a batch, on the device that it is on.

        Args:
            patterns: (B, n, n) raw intensity ≥ 0 in any unit; outside the mask anything.
            check: look for NaN and negative intensity (a GPU has to be waited for).

        Returns:
            (B, 1, n, n) float32, 0 outside the mask.

        Raises:
            DatasetError: another shape; NaN, infinite or negative intensity in the mask.
            InputError: no tensor; the scaling "set", which only a training can replace by a number.
        """
        from pyiron_nbed.patterns.images import recipe_images

        return recipe_images(self, patterns, check)

    def images(self, patterns: np.ndarray) -> np.ndarray:
        """The same for arrays.

        Args:
            patterns: (P, n, n) raw intensity of any real dtype; masked values of a masked array count as NaN.

        Returns:
            (P, n, n) float32.

        Raises:
            DatasetError, InputError: as for tensors.
        """
        import torch

        if hasattr(patterns, "shape"):
            patterns = unmasked(patterns)
        if np.ndim(patterns) == 3 or not hasattr(patterns, "shape"):
            check_patterns(patterns)
        array = np.ascontiguousarray(patterns, np.float32)
        return self(torch.from_numpy(array))[:, 0].numpy()

    def with_scale(self, scale: float) -> Recipe:
        """The recipe with the number that the scaling "set" stands for."""
        return replace(self, scaling=float(number(scale, "scaling", above=0)))

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        unit = None if self.unit is None else list(self.unit)
        return {**asdict(self), "mesh": self.mesh.as_dict(), "unit": unit}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Inverse of :meth:`as_dict`.

        Raises:
            InputError: an unknown field, or a value out of range.

        Example:
            >>> Recipe.from_dict(Recipe.experiment().as_dict()) == Recipe.experiment()
            True
        """
        settings = known_fields(values, "The recipe", cls)
        if "mesh" not in settings:
            raise InputError(
                "The recipe has no mesh: add it, for example {'mesh': Mesh(1.0, 0.045).as_dict()}."
            )
        return cls(as_mesh(settings.pop("mesh")), **settings)

    def check_same(self, other: Recipe, what: str) -> None:
        """Raise ModelError that names the first field in which another recipe differs.

        Args:
            other: the recipe that something was made with.
            what: that something, for the message.
        """
        for field in fields(self):
            ours, theirs = getattr(self, field.name), getattr(other, field.name)
            if ours != theirs:
                raise ModelError(
                    f"The recipe of {what} differs from the one of the model in its {field.name}: {theirs} "
                    f"in place of {ours}; make the patterns with the recipe of the model, or train another."
                )


def unmasked(patterns: Any) -> np.ndarray:
    """An array with NaN where a masked array is masked: what lies under a mask is no measurement.

    Example:
        >>> unmasked(np.ma.array([1, 2], mask=[False, True])).tolist()
        [1.0, nan]
    """
    if not np.ma.is_masked(patterns):
        return np.asarray(patterns)
    return np.ma.filled(patterns.astype(np.result_type(patterns.dtype, np.float32)), np.nan)
