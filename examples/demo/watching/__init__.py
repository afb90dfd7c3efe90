"""The chapter of drift: a model that answers elsewhere, and all that drift can do for it."""

from examples.demo.watching.chapter import Chapter

__all__ = ["Chapter"]
