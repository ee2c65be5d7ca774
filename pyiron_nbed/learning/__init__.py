"""Learning: networks, augmentation, training, evaluation. The only part that imports torch."""

from pyiron_nbed.learning.augmentation import Augmentation
from pyiron_nbed.learning.effects import DetectorEffects
from pyiron_nbed.learning.evaluation import metrics, metrics_table
from pyiron_nbed.learning.model import Model, Prediction, evaluate, load_model
from pyiron_nbed.learning.networks import build_network
from pyiron_nbed.learning.settings import Training
from pyiron_nbed.learning.source import PatternBatch, PatternSource
from pyiron_nbed.learning.training import Trained, train

__all__ = [
    "Augmentation",
    "DetectorEffects",
    "Model",
    "PatternBatch",
    "PatternSource",
    "Prediction",
    "Trained",
    "Training",
    "build_network",
    "evaluate",
    "load_model",
    "metrics",
    "metrics_table",
    "train",
]
