"""How right a model was over time: read from what feedback has counted, by whole hours, days and weeks."""
