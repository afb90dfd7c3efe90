"""What a process serves from, and how it is kept in step."""
