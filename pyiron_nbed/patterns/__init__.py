"""Where simulation and experiment meet: mesh, recipe of the image, detector effects; torch when applied."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={"effects": ["DetectorEffects"], "mesh": ["Mesh"], "recipe": ["Recipe"]},
)
