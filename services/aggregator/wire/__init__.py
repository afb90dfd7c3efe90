"""Between messages and plain objects: plans and answers in, replies out."""
