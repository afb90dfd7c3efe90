"""What the sections of docs/limits.md are written in: the shape of a row, the rooms that constants lie in,
and reasons that several have."""

Told = tuple[str, str, str, str]
CONFIG, STATE = "router.config", "state"
LEAST_FOR_CHOICE = "With fewer there is nothing to choose, or to compare."
MEMORY = "It bounds what one resource can take of memory, on every replica."
READABLE = "What is written for people is read by people."
AHEAD = "It keeps one who asks for much from holding up the others."
