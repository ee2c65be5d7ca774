"""pyiron jobs: a thin skin of storage, provenance, queues and tables over the functions."""

from pyiron_nbed.jobs.background import run_in_background

__all__ = ["run_in_background"]
