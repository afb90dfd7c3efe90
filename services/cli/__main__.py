"""`python -m services.cli` is `turnout`."""

from services.cli import main

main()
