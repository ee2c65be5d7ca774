"""The pattern file: schema, writer, lazy reader, splits."""

from pyiron_nbed.dataset.combine import concatenate_datasets
from pyiron_nbed.dataset.reader import PatternDataset
from pyiron_nbed.dataset.splits import Split, load_split, split_dataset
from pyiron_nbed.dataset.stack import find_scan
from pyiron_nbed.dataset.writer import build_dataset

__all__ = [
    "PatternDataset",
    "Split",
    "build_dataset",
    "concatenate_datasets",
    "find_scan",
    "load_split",
    "split_dataset",
]
