"""`turnout drift report`: a result as one page of HTML."""


def report() -> None:
    """Write a result as one page of HTML."""
