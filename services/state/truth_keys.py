"""Keys of ground truth beside its stream; `keys.py` hands them on and tells the rules."""


def truth_seen(partition: int, minute: int) -> str:
    """Hash. Drift and feedback write. Drift, feedback and router read. Expires with the retention of the
    predictions of that minute."""
    return f"turnout:{{p{partition:02}}}:truth:seen:{minute}"


def truths(partition: int, minute: int) -> str:
    """Hash. Drift and feedback write. Router reads. Expires with the retention of the predictions of that
    minute."""
    return f"turnout:{{p{partition:02}}}:truth:held:{minute}"
