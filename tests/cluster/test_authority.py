"""The files of `prober cluster certs`."""

from __future__ import annotations

import datetime
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from prober.cli.main import app
from prober.cluster.authority import AUTHORITY, AUTHORITY_KEY, Role, certificate_file, make_certificates
from prober.cluster.errors import ClusterError


def test_keys_are_for_their_owner(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "new" / "folder")
    assert {path.name for path in made} == {AUTHORITY, AUTHORITY_KEY, *map(certificate_file, Role)}
    for path in made:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == (0o044 & mode if path.name == AUTHORITY else 0)
        assert (b"PRIVATE KEY" in path.read_bytes()) is (path.name != AUTHORITY)


@pytest.mark.parametrize("role", Role)
def test_each_is_of_the_authority(tmp_path: Path, role: Role) -> None:
    make_certificates(tmp_path, days=3)
    authority = x509.load_pem_x509_certificate((tmp_path / AUTHORITY).read_bytes())
    own = x509.load_pem_x509_certificate((tmp_path / certificate_file(role)).read_bytes())
    own.verify_directly_issued_by(authority)
    left = own.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=2) < left <= datetime.timedelta(days=3)
    context = ssl.create_default_context(cafile=str(tmp_path / AUTHORITY))
    context.load_cert_chain(tmp_path / certificate_file(role))


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / AUTHORITY_KEY).write_text("mine")
    (tmp_path / "agent.pem").write_text("mine")
    with pytest.raises(ClusterError) as refused:
        make_certificates(tmp_path)
    assert len(refused.value.errors) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.pem", AUTHORITY_KEY]
    done = CliRunner().invoke(app, ["cluster", "certs", str(tmp_path)])
    assert done.exit_code == 2
    assert "is there already" in done.stderr


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ClusterError, match="file"):
        make_certificates(tmp_path / "file" / "certs")
