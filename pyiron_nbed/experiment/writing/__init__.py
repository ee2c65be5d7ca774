"""Writers of the files of microscopes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"scan": ["write_scan"], "writer": ["ScanWriter"]}
)
