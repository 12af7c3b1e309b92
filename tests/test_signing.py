"""bundle --sign and verify --by: a signature that ssh-keygen makes and checks alike, and what an attacker may try, in one line each."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures import finish_run, make_report
from reportgen.cli import main as cli
from reportgen.report.archive import write_zip
from reportgen.report.manifest import entry_of, manifest_json, parse_manifest
from reportgen.sharing.bundle import bundle
from reportgen.sharing.signing import ssh_signature
from reportgen.sharing.signing.keys import PASSPHRASE_VARIABLE, private_key, trusted_keys
from reportgen.sharing.signing.ssh_signature import BadSignature, fingerprint, parse, sign
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.errors import UsageError
from test_bundle import entries

# Made from fixed bytes: a signature is the same whenever it is made.
ANN, EVE = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
NOW = datetime(2026, 11, 30, tzinfo=timezone.utc)
SIGNATURE = "manifest.json.sig"
needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def line(key: Ed25519PrivateKey, name: str = "") -> str:
    """A public key as id_ed25519.pub holds it."""
    return f"{key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} {name}".rstrip()


def pem(key: Ed25519PrivateKey, passphrase: bytes | None = None, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish_run(*make_report(tmp_path_factory.mktemp("made"), 1), formats=("html",))


@pytest.fixture(scope="module")
def zipped(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zipped") / "run.zip"
    bundle(made, path, sign=lambda message: sign(message, ANN))
    return path


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


@pytest.fixture
def ann(tmp_path: Path) -> Path:
    """Ann's public key in a file."""
    path = tmp_path / "ann.pub"
    path.write_text(f"{line(ANN, 'ann@example.org')}\n")
    return path


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    def called(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["reportgen", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return code, out, err

    return called


# --- what a user does ----------------------------------------------------------------------------


def test_a_signed_bundle_says_who_signed_it_and_what_that_does_not_show(
    made: Path, ann: Path, tmp_path: Path, call: Call
) -> None:
    (tmp_path / "key").write_bytes(pem(ANN, form=PrivateFormat.OpenSSH))
    code, _, err = call("bundle", made, "-o", tmp_path / "a.zip", "--sign", tmp_path / "key")
    assert (code, f"signed with the key {fingerprint(ANN.public_key().public_bytes_raw())}" in err) == (0, True)
    code, out, _ = call("verify", tmp_path / "a.zip", "--by", ann)
    assert code == 0
    assert f"signed by: ann@example.org ({fingerprint(ANN.public_key().public_bytes_raw())})" in out
    assert "not when, and not that the run was an honest one" in out
    code, out, _ = call("verify", tmp_path / "a.zip", "--by", ann, "--json")
    assert json.loads(out)["signed_by"]["name"] == "ann@example.org"
    assert json.loads(out)["unsigned"] is None


def test_without_a_signature_or_a_key_it_says_what_stays_open(made: Path, zipped: Path, call: Call) -> None:
    code, out, _ = call("verify", made)
    assert (code, "not signed" in out, "who made it, nobody can tell" in out) == (0, True, True)
    code, out, _ = call("verify", zipped)
    assert (code, "was not looked at, so who made it is open" in out) == (0, True)


def test_a_run_without_a_signature_fails_where_one_is_asked_for(made: Path, ann: Path, call: Call) -> None:
    code, out, err = call("verify", made, "--by", ann, "--json")
    assert code == 1
    assert err.count("\n") == 1 and "there is no signature" in err
    assert json.loads(out)["signed_by"] is None and "there is no signature" in json.loads(out)["unsigned"]


def test_equal_runs_and_keys_give_equal_bytes(made: Path, zipped: Path, tmp_path: Path) -> None:
    bundle(made, tmp_path / "again.zip", sign=lambda message: sign(message, ANN))
    assert (tmp_path / "again.zip").read_bytes() == zipped.read_bytes()
    found = entries(zipped)
    assert SIGNATURE not in (parse_manifest(found["manifest.json"]) or {})
    assert b"--by KEY" in found["README.txt"]
    bundle(made, tmp_path / "plain.zip")
    assert b"--by" not in entries(tmp_path / "plain.zip")["README.txt"]


def test_an_anonymous_bundle_is_not_signed(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="an anonymous bundle cannot be signed"):
        bundle(made, tmp_path / "a.zip", anonymous=True, sign=lambda message: sign(message, ANN))


def test_a_signature_goes_with_the_manifest_that_it_signs(run: Path) -> None:
    (run / SIGNATURE).write_bytes(sign((run / "manifest.json").read_bytes(), ANN))
    folder = RunFolder(run)
    folder.begin()
    folder.close()
    assert not (run / SIGNATURE).exists()


# --- other tools ---------------------------------------------------------------------------------


@needs_ssh_keygen
def test_ssh_keygen_makes_the_same_bytes_and_accepts_them(tmp_path: Path) -> None:
    message, key = tmp_path / "message", tmp_path / "key"
    message.write_bytes(b"a message")
    key.write_bytes(pem(ANN, form=PrivateFormat.OpenSSH))
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "reportgen", message], check=True)
    ours = sign(b"a message", ANN)
    assert (tmp_path / "message.sig").read_bytes() == ours
    (tmp_path / "ours.sig").write_bytes(ours)
    (tmp_path / "signers").write_text(f"ann {line(ANN)}\n")
    check = ["ssh-keygen", "-Y", "verify", "-f", "signers", "-I", "ann", "-n", "reportgen", "-s", "ours.sig"]
    for given_message, accepted in ((b"a message", True), (b"another", False)):
        done = subprocess.run(check, input=given_message, cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode == 0) is accepted


@needs_ssh_keygen
def test_a_run_folder_that_ssh_keygen_signed(run: Path, ann: Path, tmp_path: Path, call: Call) -> None:
    key = tmp_path / "key"
    key.write_bytes(pem(ANN, form=PrivateFormat.OpenSSH))
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "reportgen", run / "manifest.json"], check=True)
    assert call("verify", run, "--by", ann)[0] == 0


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_files_are_held_against_the_manifest_without_reportgen(zipped: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs/handing-on.md").read_text()
    command = next(line.strip() for line in page.splitlines() if "sha256sum -c" in line)
    for name, data in entries(zipped).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "report.html").write_bytes(b"forged")
    assert subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=False).returncode != 0


# --- attacks -------------------------------------------------------------------------------------

Files = dict[str, bytes]


def forged(files: Files, *, signed_with: Ed25519PrivateKey | None = None) -> Files:
    """A file changed and the manifest made anew."""
    changed = {**files, "tables/iou.csv": b"image,iou\na,0.99\n"}
    listed = {name: entry_of(data) for name, data in changed.items() if name not in ("manifest.json", SIGNATURE)}
    changed["manifest.json"] = manifest_json(listed)
    if signed_with is not None:
        changed[SIGNATURE] = sign(changed["manifest.json"], signed_with)
    return changed


def foreign_namespace(files: Files) -> Files:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssh_signature, "NAMESPACE", "git")
        return {**files, SIGNATURE: sign(files["manifest.json"], ANN)}


def of_another_kind(files: Files) -> Files:
    blob = base64.b64decode(b"".join(files[SIGNATURE].splitlines()[1:-1]))
    return {**files, SIGNATURE: armoured(blob.replace(b"ssh-ed25519", b"ssh-rsa-big"))}


def armoured(blob: bytes) -> bytes:
    return f"{ssh_signature.BEGIN}\n{base64.b64encode(blob).decode()}\n{ssh_signature.END}\n".encode()


def ours_with_the_key_of(files: Files) -> Files:
    """The attacker's signature that names Ann's key."""
    blob = base64.b64decode(b"".join(sign(files["manifest.json"], EVE).splitlines()[1:-1]))
    keys = [key.public_key().public_bytes_raw() for key in (EVE, ANN)]
    return {**files, SIGNATURE: armoured(blob.replace(*keys))}


ATTACKS: dict[str, tuple[Callable[[Files], Files], str]] = {
    "manifest made anew": (forged, "does not fit its manifest.json"),
    "manifest made anew and signed": (lambda files: forged(files, signed_with=EVE), "names another key, SHA256:"),
    "key of the attacker beside": (
        lambda files: {**forged(files, signed_with=EVE), "signer.pub": line(EVE).encode()},
        "names another key, SHA256:",
    ),
    "signature under another's name": (ours_with_the_key_of, "does not fit its manifest.json"),
    "signature of another message": (
        lambda files: {**files, SIGNATURE: sign(b"another run's manifest", ANN)},
        "does not fit its manifest.json",
    ),
    "cut off": (lambda files: {**files, SIGNATURE: files[SIGNATURE][:120]}, "is cut off"),
    "cut off inside": (lambda files: {**files, SIGNATURE: armoured(b"SSHSIG\0\0\0\1\0\0\0\x33")}, "is cut off"),
    "more behind it": (
        lambda files: {
            **files,
            SIGNATURE: armoured(base64.b64decode(b"".join(files[SIGNATURE].splitlines()[1:-1])) + b"x"),
        },
        "is damaged",
    ),
    "two in one": (lambda files: {**files, SIGNATURE: files[SIGNATURE] * 2}, "is damaged"),
    "second signature": (
        lambda files: {**files, "manifest.json.sig.sig": sign(files["manifest.json"], EVE)},
        "1 not in the manifest",
    ),
    "second of another case": (
        lambda files: {**files, "MANIFEST.json.sig": sign(files["manifest.json"], EVE)},
        "twice",
    ),
    "another purpose": (foreign_namespace, "was made for another purpose"),
    "another kind of key": (of_another_kind, "another kind of key"),
    "huge": (lambda files: {**files, SIGNATURE: b"A" * 70_000}, "manifest.json.sig is larger than 64 KiB"),
    "empty": (lambda files: {**files, SIGNATURE: b""}, "is no SSH signature"),
    "bytes": (lambda files: {**files, SIGNATURE: bytes(range(256))}, "is no SSH signature"),
    "file changed": (lambda files: {**files, "tables/iou.csv": b""}, "1 changed"),
    "signature taken out": (
        lambda files: {name: data for name, data in files.items() if name != SIGNATURE},
        "there is no signature",
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_passes_and_each_is_one_line(
    attack: str, zipped: Path, ann: Path, tmp_path: Path, call: Call
) -> None:
    change, said = ATTACKS[attack]
    write_zip(tmp_path / "attacked.zip", sorted(change(entries(zipped)).items()))
    code, out, err = call("verify", tmp_path / "attacked.zip", "--by", ann)
    assert code == 1
    assert err.startswith(f"reportgen: {tmp_path / 'attacked.zip'}: ") and err.count("\n") == 1
    assert said in err
    assert "signed by: ann" not in out or attack in ("second signature", "file changed")


@pytest.mark.parametrize("made_of", ["folder", "link to itself", "huge"])
def test_what_is_no_file_beside_a_run_folder(made_of: str, run: Path, ann: Path, call: Call) -> None:
    place = run / SIGNATURE
    if made_of == "folder":
        place.mkdir()
    elif made_of == "huge":
        place.write_bytes(b"A" * 70_000)
    else:
        place.symlink_to(place)
    code, _, err = call("verify", run, "--by", ann)
    assert (code, err.count("\n")) == (1, 1)


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_bytes_are_a_signature_or_raise_anything_else(data: bytes) -> None:
    whole = base64.b64decode(b"".join(sign(b"m", ANN).splitlines()[1:-1]))
    for blob in (data, armoured(data), armoured(whole[: len(data)] + data), armoured(data + whole)):
        try:
            found = parse(blob)
        except BadSignature:
            continue
        assert not found.fits(b"another message")


@pytest.mark.parametrize("at", range(0, 200, 7))
def test_a_bit_that_flips_is_found(at: int) -> None:
    blob = bytearray(base64.b64decode(b"".join(sign(b"m", ANN).splitlines()[1:-1])))
    at = min(at, len(blob) - 1)
    blob[at] ^= 1
    try:
        found = parse(armoured(bytes(blob)))
    except BadSignature:
        return
    assert found.key != ANN.public_key().public_bytes_raw() or not found.fits(b"m")


# --- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
@pytest.mark.parametrize("passphrase", [None, b"open sesame"])
def test_private_keys(form: PrivateFormat, passphrase: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(pem(ANN, passphrase, form))
    found = private_key(path, lambda: passphrase.decode() if passphrase else pytest.fail("asked for no reason"))
    assert found.private_bytes_raw() == ANN.private_bytes_raw()
    if passphrase:
        with pytest.raises(UsageError, match="the passphrase is wrong"):
            private_key(path, lambda: "open barley")
        with pytest.raises(UsageError, match=f"needs its passphrase.*{PASSPHRASE_VARIABLE}"):
            private_key(path, lambda: None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (line(ANN).encode(), "is a public key"),
        (b"", "holds no private key"),
        (b"\xff" * 40, "holds no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the file is damaged"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "the file is damaged"),
        (pem(elliptic(SECP256R1())), "is no Ed25519 key"),  # type: ignore[arg-type]
        (pem(elliptic(SECP256R1()), form=PrivateFormat.OpenSSH), "is no Ed25519 key"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_private_key_is_one_line(content: bytes, said: str, made: Path, tmp_path: Path, call: Call) -> None:
    (tmp_path / "key").write_bytes(content)
    code, _, err = call("bundle", made, "-o", tmp_path / "a.zip", "--sign", tmp_path / "key")
    assert (code, err.count("\n")) == (2, 1)
    assert said in err and not (tmp_path / "a.zip").exists()


def test_a_passphrase_comes_from_its_variable_or_from_a_terminal(
    made: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_bytes(pem(ANN, b"open sesame"))
    command = ("bundle", made, "-o", tmp_path / "a.zip", "--sign", tmp_path / "key")
    monkeypatch.setattr("getpass.getpass", lambda *_: "open sesame")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert call(*command)[0] == 0
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert call(*command)[0] == 2
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "open sesame")
    assert call(*command)[0] == 0
    assert call("config", "show")[0] == 0, "no setting of that name is looked for"


def test_public_keys_as_people_have_them(tmp_path: Path) -> None:
    key = ANN.public_key()
    forms = {
        "pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "pub": line(ANN, "ann at home"),
        "authorized_keys": f'# ours\n\nssh-rsa AAAA rsa\nfrom="10.0.0.1",command="a \\"b\\" c" {line(ANN, "ann at home")}\n{line(EVE)}\n',
        "allowed_signers": f'ann@example.org namespaces="git,report*",valid-after="20200101" {line(ANN)}\n',
    }
    names = {"pem": "", "pub": "ann at home", "authorized_keys": "ann at home", "allowed_signers": "ann@example.org"}
    for form, text in forms.items():
        (tmp_path / form).write_text(text)
        found = trusted_keys(str(tmp_path / form), NOW)
        assert (found[0].key, found[0].name) == (key.public_bytes_raw(), names[form])
        assert len(found) == (2 if form == "authorized_keys" else 1)
    assert trusted_keys(line(ANN), NOW)[0].fingerprint == fingerprint(key.public_bytes_raw())


@pytest.mark.parametrize(
    "text",
    [
        f"* cert-authority {line(ANN)}",
        f"cert-authority {line(ANN)}",
        f'ann namespaces="git" {line(ANN)}',
        f'ann valid-before="20200101" {line(ANN)}',
        f'ann valid-after="20300101Z" {line(ANN)}',
        f'ann valid-after="soon" {line(ANN)}',
        f'expiry-time="202001010000" {line(ANN)}',
        f"# {line(ANN)}",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        f"{line(ANN)[:-4]}",
        "ssh-ed25519-cert-v01@openssh.com AAAA ann",
        "",
    ],
)
def test_keys_that_do_not_count(text: str, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{text}\n")
    with pytest.raises(UsageError, match="holds no Ed25519 key that counts here"):
        trusted_keys(str(tmp_path / "keys"), NOW)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pem(ANN), "is a private key"),
        (b"\x00\xff" * 50, "holds no Ed25519 key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key can be read"),
        (
            elliptic(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "is no Ed25519",
        ),
        (b"A" * (2**20 + 1), "at most"),
    ],
)
def test_what_is_no_public_key_is_one_line(content: bytes, said: str, zipped: Path, tmp_path: Path, call: Call) -> None:
    (tmp_path / "key").write_bytes(content)
    code, _, err = call("verify", zipped, "--by", tmp_path / "key")
    assert (code, err.count("\n"), said in err) == (2, 1, True)


def test_a_missing_key_and_a_missing_library_are_one_line(
    zipped: Path, ann: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = call("verify", zipped, "--by", tmp_path / "gone")
    assert (code, err) == (2, f"reportgen: {tmp_path / 'gone'}: no such file\n")
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    code, _, err = call("verify", zipped, "--by", ann)
    assert (code, err) == (2, "reportgen: signatures need a further package: pip install 'reportgen[sign]'\n")
    assert call("verify", zipped)[0] == 0, "without --by no library is asked for"
