"""Learning: networks, augmentation, training (with torch, loaded when used), evaluation, uncertainty."""

import lazy_loader

# torch takes seconds to load: settings, evaluation and uncertainty are used without it
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "augmentation": ["Augmentation"],
        "evaluation": ["metrics", "metrics_table", "report"],
        "leak": ["leak_table", "run_splits"],
        "model": ["Model", "evaluate", "load_model"],
        "networks": ["build_network"],
        "prediction": ["Prediction"],
        "recipes": ["training_recipe"],
        "shipped": ["shipped_models"],
        "settings": ["Training", "with_preset"],
        "source": ["PatternBatch", "PatternSource"],
        "task": ["TrainingTask"],
        "trust": ["calibrate_trust"],
        "training": ["Trained", "check_datasets", "train"],
    },
)
