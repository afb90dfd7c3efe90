"""`python -m services.cli.drift` is `turnout drift`."""

from services.cli.drift import application

if __name__ == "__main__":
    application()(prog_name="turnout drift")
