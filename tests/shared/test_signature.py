"""Signed bundles: who signed is told apart, and no byte of a signature is free."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from cxr_desktop.inference.toy import write_toy_bundle
from cxr_desktop.inference.trust import KEY_VARIABLE, open_trusted
from cxr_shared.bundle import open_bundle
from cxr_shared.bundle.signature import SIGNATURE_NAME
from cxr_shared.bundle.signing import make_keys, require_key
from cxr_shared.bundle.writer import sign_bundle
from cxr_shared.errors import BundleError, KeyUnusable, SignatureRefused
from cxr_shared.findings import Target


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "chest.cxr"
    write_toy_bundle(path, {Target.HERNIA: (1.0, 0.0)})
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    make_keys(tmp_path / "site.key")
    return tmp_path / "site.key"


def _public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


def test_a_signed_bundle_holds_the_same_models_and_names_its_key(bundle: Path, key: Path) -> None:
    before = open_bundle(bundle)
    assert before.signature is None
    signature = sign_bundle(bundle, key)
    after = open_bundle(bundle)
    assert after.signature == signature
    assert (after.manifest, after.files) == (before.manifest, before.files)
    assert require_key(bundle, after.signature, _public(key)) == signature.fingerprint
    once = bundle.read_bytes()
    sign_bundle(bundle, key)
    assert bundle.read_bytes() == once, "Ed25519 is deterministic, and signing again changes nothing"


def test_the_signature_is_what_openssl_would_verify(bundle: Path, key: Path) -> None:
    """Checked with the primitives themselves: key in the .pub file, message as documented."""
    import json
    import zipfile

    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    sign_bundle(bundle, key)
    with zipfile.ZipFile(bundle) as archive:
        manifest, seal = archive.read("manifest.json"), json.loads(archive.read(SIGNATURE_NAME))
    public = load_pem_public_key(_public(key).read_bytes())
    public.verify(bytes.fromhex(seal["signature"]), b"cxr-bundle-manifest\0" + manifest)


def test_every_byte_of_the_signature_counts(bundle: Path, key: Path) -> None:
    sign_bundle(bundle, key)
    whole = bundle.read_bytes()
    start = whole.index(b'{\n  "algorithm"')
    for place in range(start, whole.index(b"}\n", start) + 2):
        for bit in (0x20, 0x01):
            bundle.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            with pytest.raises(BundleError):
                open_bundle(bundle)


def test_an_unsigned_bundle_and_anothers_signature_are_refused_by_name(bundle: Path, key: Path, tmp_path: Path) -> None:
    with pytest.raises(SignatureRefused, match="is not signed"):
        require_key(bundle, open_bundle(bundle).signature, _public(key))
    make_keys(tmp_path / "other.key")
    sign_bundle(bundle, tmp_path / "other.key")
    with pytest.raises(SignatureRefused, match="signed with another key"):
        require_key(bundle, open_bundle(bundle).signature, _public(key))


def test_a_signature_moved_to_another_bundle_is_refused(bundle: Path, key: Path, tmp_path: Path) -> None:
    import io
    import zipfile

    from cxr_shared.bundle.archive import pack

    sign_bundle(bundle, key)
    other = tmp_path / "other.cxr"
    write_toy_bundle(other, {Target.HERNIA: (2.0, 0.0)})
    with zipfile.ZipFile(bundle) as signed, zipfile.ZipFile(other) as unsigned:
        members = [(name, unsigned.read(name)) for name in unsigned.namelist()]
        members.append((SIGNATURE_NAME, signed.read(SIGNATURE_NAME)))
    buffer = io.BytesIO()
    pack(buffer, members)
    other.write_bytes(buffer.getvalue())
    with pytest.raises(SignatureRefused, match="does not fit its manifest"):
        open_bundle(other)


def test_the_desktop_opens_what_the_sites_key_signed_alone(
    bundle: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_trusted(bundle).signature is None
    monkeypatch.setenv(KEY_VARIABLE, str(_public(key)))
    with pytest.raises(SignatureRefused):
        open_trusted(bundle)
    sign_bundle(bundle, key)
    assert open_trusted(bundle).signature is not None


def test_keys_are_never_overwritten_and_the_private_one_is_its_owners(key: Path) -> None:
    with pytest.raises(KeyUnusable, match="never overwritten"):
        make_keys(key)
    if sys.platform != "win32":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_one_sentence(bundle: Path, tmp_path: Path, content: bytes) -> None:
    wrong = tmp_path / "wrong.key"
    wrong.write_bytes(content)
    before = bundle.read_bytes()
    for path in (wrong, tmp_path / "missing.key"):
        with pytest.raises(KeyUnusable, match=path.name):
            sign_bundle(bundle, path)
        with pytest.raises(KeyUnusable, match=path.name):
            require_key(bundle, None, path)
    assert bundle.read_bytes() == before


def test_public_and_private_keys_are_not_mistaken_for_each_other(bundle: Path, key: Path) -> None:
    with pytest.raises(KeyUnusable, match="no private key"):
        sign_bundle(bundle, _public(key))
    with pytest.raises(KeyUnusable, match=r"Give the \.pub file"):
        require_key(bundle, None, key)
