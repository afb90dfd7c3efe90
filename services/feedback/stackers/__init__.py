"""Meta-models over the members of an ensemble, learnt from panels whose truth is known."""
