"""Whether an answer will do: by a model, by a JSON Schema, or by a condition."""
