"""Films over TLS: what is shown, who is believed, and who is not heard."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from cxr_desktop.pacs.config import Tls
from cxr_desktop.pacs.errors import CertificateUnusable
from cxr_desktop.pacs.receive import AssociationRefused, CallRefusal

from .peers_dcmtk import Dcmtk
from .raw_peer import Gone, RawPeer, answers_echo
from .receiving import MakeReceiver

pytestmark = pytest.mark.waiting

Files = tuple[Path, Path]


def _client(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False
    return context


@pytest.mark.peer
def test_dcmtk_sends_a_film_over_tls(
    make_receiver: MakeReceiver, dcmtk: Dcmtk, phantom: Path, certificate: Files
) -> None:
    receiving = make_receiver(tls=Tls(certificate=certificate[0], key=certificate[1]))
    options = ("+tla", "+cf", certificate[0])
    sent = dcmtk.store(receiving.port, phantom, options=options)
    assert sent.returncode == 0, sent.stdout
    assert len(receiving.films) == 1
    assert dcmtk.echo(receiving.port, *options).returncode == 0
    assert dcmtk.echo(receiving.port).returncode != 0


@pytest.mark.peer
def test_a_caller_without_a_certificate_is_not_heard(
    make_receiver: MakeReceiver, dcmtk: Dcmtk, certificate: Files
) -> None:
    receiving = make_receiver(tls=Tls(certificate=certificate[0], key=certificate[1], authorities=certificate[0]))
    known = dcmtk.echo(receiving.port, "+tls", certificate[1], certificate[0], "+cf", certificate[0])
    assert known.returncode == 0, known.stdout
    assert dcmtk.echo(receiving.port, "+tla", "+cf", certificate[0]).returncode != 0
    receiving.expect(AssociationRefused(CallRefusal.TLS))


def test_who_speaks_plainly_or_an_old_version_is_not_heard(make_receiver: MakeReceiver, certificate: Files) -> None:
    receiving = make_receiver(tls=Tls(certificate=certificate[0], key=certificate[1]))
    assert not answers_echo(receiving.port)
    receiving.expect(AssociationRefused(CallRefusal.TLS))
    old = _client(certificate[0])
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((OSError, Gone)), RawPeer(receiving.port, tls=old):
        pass
    assert answers_echo(receiving.port, tls=_client(certificate[0]))


def test_a_handshake_that_does_not_end_stops_nobody(make_receiver: MakeReceiver, certificate: Files) -> None:
    receiving = make_receiver(tls=Tls(certificate=certificate[0], key=certificate[1]), quotas={"idle_seconds": 3.0})
    with RawPeer(receiving.port) as silent, RawPeer(receiving.port) as slow:
        slow.send(b"\x16\x03\x01\x02\x00\x01")
        assert answers_echo(receiving.port, tls=_client(certificate[0]))
        assert silent.is_closed()
        assert slow.is_closed()


def test_an_unusable_certificate_is_said(make_receiver: MakeReceiver, certificate: Files, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(CertificateUnusable, match=r"certificate\.pem with the key .*none\.pem"):
        make_receiver(tls=Tls(certificate=certificate[0], key=tmp_path / "none.pem"))
    with pytest.raises(CertificateUnusable, match="No such file"):
        make_receiver(tls=Tls(certificate=tmp_path / "missing.pem", key=certificate[1]))
    with pytest.raises(CertificateUnusable, match=r"none\.pem cannot be used"):
        make_receiver(tls=Tls(certificate=certificate[0], key=certificate[1], authorities=tmp_path / "none.pem"))
