"""What a finished NBEDRegressor has to show."""

from __future__ import annotations

import pandas as pd

from pyiron_nbed.jobs.base import NBEDJob, builtin


class RegressorResults(NBEDJob):
    """Tables of a training job."""

    def get_test(self) -> pd.DataFrame:
        """Test patterns: row in the concatenated datasets, truth, prediction, uncertainty, baselines, …"""
        return pd.read_csv(self.folder / "test.csv")

    def get_history(self) -> pd.DataFrame:
        """Member, epoch, training loss and learning rate."""
        return pd.read_csv(self.folder / "history.csv")

    def get_metrics(self) -> pd.DataFrame:
        """Metrics on the test patterns with 95 % intervals: all, each region, volume and structure.

        The column "model" says whose: "network" first, then the baselines "constant", "ridge", "boosting".
        """
        models = {"network": self.output.metrics, **self.output.baselines}
        tables = [pd.DataFrame(builtin(found["groups"])).assign(model=name) for name, found in models.items()]
        table = pd.concat(tables, ignore_index=True)
        return table[["model", *table.columns.drop("model")]]

    def get_splits(self) -> pd.DataFrame:
        """Errors of the same training on each split of ``input.compare_splits``, and the leak.

        See :func:`pyiron_nbed.learning.leak.leak_table`; empty where no splits were compared.
        """
        return pd.DataFrame(builtin(self.output.splits))
