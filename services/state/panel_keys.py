"""The keys of what full panels told: how their members differ, and who was right.

Documented as those of `keys.py` are.
"""


def panels(partition: int, router_uid: str, day: int) -> str:
    """Hash. Aggregators write. Aggregators, feedback and router read. Expires 90 days after the day: a field
    per hour and process that saw panels, 1,536 of them at most."""
    return f"turnout:{{p{partition:02}}}:panels:{router_uid}:{day}"


def panel_truths(partition: int, router_uid: str, hour: int) -> str:
    """Hash. Feedback writes. Aggregators read. Expires 90 days after the hour: who was right in the panels of
    the predictions of that time, 4,096 counts at most and what corrections add."""
    return f"turnout:{{p{partition:02}}}:panel-truths:{router_uid}:{hour}"


def stackers(partition: int, router_uid: str) -> str:
    """String. Feedback writes. Feedback reads. Expires 400 days after the router's last meta-model was
    fitted: how many there were."""
    return f"turnout:{{p{partition:02}}}:stackers:{router_uid}"
