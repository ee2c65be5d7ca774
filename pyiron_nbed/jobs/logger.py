"""The log of pyiron, in which some advice does not hold for the jobs of this package."""

from __future__ import annotations

import logging
from typing import Any


class QuietLogger(logging.LoggerAdapter):
    """Logs what pyiron says about a job, but for the advice to remove an aborted one, which goes on."""

    def warning(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log a warning."""
        if not str(msg).startswith("Job aborted - please remove it"):
            super().warning(msg, *args, **kwargs)
