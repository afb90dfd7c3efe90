"""The first administrator of a suite that enforces access: without his key, nobody could make another."""

from pathlib import Path

from services.cli import errand
from services.foundation.settings import Settings

FILE = "admin.key"


def wanted(router: Settings) -> bool:
    """Whether the settings name no administrator themselves."""
    named = router.access_bootstrap_key.get_secret_value() or router.access_admins or router.jwt_admin_claim
    return router.access_mode == "enforced" and not named


async def make(router: str, directory: Path, service_token: str) -> Path | None:
    """Have the router at `router` make an administrator's key, unless there is one; the file that holds it,
    which only its owner can read, if it still does. Raises StartError."""
    file = directory / FILE
    purpose = "the first administrator's key could not be made"
    await errand.run(purpose, "services.cli.administrator", router, str(file), service_token=service_token)
    return file if file.exists() else None
