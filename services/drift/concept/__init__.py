"""Whether a model errs more, or earns less, than it used to: detectors on its labelled errors and rewards.

The owner of a partition folds the labels and rewards of its predictions, in the order of the predictions.
"""
