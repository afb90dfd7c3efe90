"""Files of ground truth: read as they come, in bounded memory, and gone on with where they were cut."""
