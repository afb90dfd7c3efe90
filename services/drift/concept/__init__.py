"""Whether a model errs more than it used to: detectors on the stream of its labelled errors.

The owner of a partition folds the labels of its predictions, in the order of the predictions.
"""
