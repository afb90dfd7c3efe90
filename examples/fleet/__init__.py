"""The demo's model servers: scikit-learn models behind the Open Inference Protocol, one process each.

They stand for the models of others. Nothing of the suite runs in them, and they know nothing of it.
"""
