"""When certificates expire is shown as the files stand, and what cannot be read shows nothing."""

import datetime
from pathlib import Path

from services.foundation.expiry import Expiries
from services.foundation.settings import Settings
from tests.foundation.identity.authorities import START, Authority

IN_A_CENTURY = (START + datetime.timedelta(days=36500)).timestamp()


def shown(expiries: Expiries) -> dict[tuple[str, ...], float]:
    return dict(expiries.read())


def test_each_file_that_settings_name_is_shown_and_a_new_one_is_read_again(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    chain, key = authority.issue("server", "localhost")
    settings = Settings(tls_certificate=chain, tls_key=key, tls_client_authorities=str(authority.path))
    expiries = Expiries(settings)
    assert shown(expiries) == {("tls_certificate",): IN_A_CENTURY, ("tls_client_authorities",): IN_A_CENTURY}
    Path(chain).unlink()
    assert shown(expiries) == {("tls_client_authorities",): IN_A_CENTURY}
    authority.issue("server", "localhost")
    assert ("tls_certificate",) in shown(expiries)


def test_of_a_chain_the_first_to_expire_counts(tmp_path: Path) -> None:
    path = tmp_path / "chain.pem"
    late, soon = Authority(tmp_path, "late"), Authority(tmp_path, "soon", days=3)
    path.write_bytes(late.path.read_bytes() + soon.path.read_bytes())
    expiries = Expiries(Settings(tls_certificate=str(path), tls_key=str(path)))
    assert shown(expiries) == {("tls_certificate",): (START + datetime.timedelta(days=3)).timestamp()}


def test_a_process_without_certificates_and_one_with_nonsense_show_none(tmp_path: Path) -> None:
    assert shown(Expiries(Settings())) == {}
    path = tmp_path / "nonsense.pem"
    path.write_text("nonsense")
    assert shown(Expiries(Settings(tls_certificate=str(path), tls_key=str(path)))) == {}
