"""Colours that all figures share."""

TRUE, PREDICTED = "#4c4c4c", "#c8501e"
