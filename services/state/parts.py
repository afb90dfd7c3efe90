"""Parts of a traffic, its segments, under one text each in what is counted."""


def part_key(name: str, value: str) -> str:
    """A segment as name=value. Another one has another text: what is logged from outside may have any name.

    >>> part_key("region", "a=b"), part_key("region=a", "b")
    ('region=a=b', 'region%3Da=b')
    """
    # Names that routers declare have neither sign: theirs are as they were.
    return f"{name.replace('%', '%25').replace('=', '%3D')}={value}"


def part_of(key: str) -> tuple[str, str]:
    """The name and the value of such a text.

    >>> part_of(part_key("a=b%", "c=d%"))
    ('a=b%', 'c=d%')
    """
    name, _, value = key.partition("=")
    return name.replace("%3D", "=").replace("%25", "%"), value
