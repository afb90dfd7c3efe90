"""Where everything is, for people."""

from services.cli.ready import Whereabouts

PAGES = ["http://127.0.0.1:50151/metrics", "http://127.0.0.1:50152/metrics"]


def test_every_address_stands_whole_on_a_line_of_eighty_columns() -> None:
    where = Whereabouts(
        {"router": "127.0.0.1:50051"},
        {"router": PAGES},
        "redis://me:secret@127.0.0.1:26379/0",
        {"models/cancer-boosting": "127.0.0.1:50062"},
    )
    lines = where.lines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines] == [
        ["router", "127.0.0.1:50051", PAGES[0]],
        [PAGES[1]],
        ["redis", "127.0.0.1:26379"],
        ["models/cancer-boosting", "127.0.0.1:50062"],
    ]
