"""A package, so that what its stories share ends with the last of them: a suite costs CPU while it idles."""
