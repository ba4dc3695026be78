"""Read the pseudonymisation secret, or make one: `python -m lung_cxr.imaging.deidentify.credentials` (`make key`)."""

import os
import secrets
import sys
from pathlib import Path

import yaml

from lung_cxr.exit_codes import ExitCode
from lung_cxr.imaging.deidentify.pseudonyms import Secret

CREDENTIALS = Path("conf/local/credentials.yml")
VARIABLE, CREDENTIAL = "LUNG_CXR_KEY", "lung_cxr_key"  # environment variable, name in the credentials file
NEW_VARIABLE, NEW_CREDENTIAL = "LUNG_CXR_NEW_KEY", "lung_cxr_new_key"  # the key that replaces it in a rotation


class SecretError(ValueError):
    """There is no secret, or it is too short; the message never shows its text."""

    exit_code = ExitCode.KEY


def read_secret(credentials: Path = CREDENTIALS, variable: str = VARIABLE, credential: str = CREDENTIAL) -> Secret:
    """Return the secret of an environment variable, or else of the credentials file.

    Args:
        credentials: YAML file that holds the secret.
        variable: Environment variable that is read first.
        credential: Name of the secret in the file.

    Raises:
        SecretError: Neither holds a secret, or the secret is too short.
    """
    text = os.environ.get(variable) or _from_file(credentials, credential)
    if not text:
        raise SecretError(
            f"No pseudonymisation key: neither the environment variable {variable} nor `{credential}` in {credentials} "
            "is set. If a catalogue exists, set the key that made it; for a first catalogue make one with `make key`. "
            "Keep it safe: every later export needs the same key"
        )
    try:
        return Secret(text)
    except ValueError as error:
        raise SecretError(str(error)) from None


def make_key(credentials: Path, name: str = CREDENTIAL) -> str:
    """Write a new random secret (256 bits) to a credentials file that has none yet; only its owner may read the file.

    Args:
        credentials: Credentials file; created if missing.
        name: Name of the secret in the file.

    Returns:
        Message for the user, without the secret.
    """
    text = credentials.read_text(encoding="utf-8") if credentials.exists() else ""
    if any(line.startswith(f"{name}:") for line in text.splitlines()):
        return f"{credentials} has {name} already. It stays: with a new key, every patient would get a new identity"
    credentials.parent.mkdir(parents=True, exist_ok=True)
    credentials.touch(mode=0o600)
    credentials.chmod(0o600)
    lines = [*text.splitlines(), f"{name}: {secrets.token_hex(32)}"]
    credentials.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return (
        f"{credentials} holds a new key ({name}). Keep a copy where only the data office can read it, never in version "
        "control"
    )


def _from_file(credentials: Path, credential: str) -> str:
    if not credentials.is_file():
        return ""
    try:
        content = yaml.safe_load(credentials.read_text(encoding="utf-8"))
    except yaml.YAMLError:  # its message quotes the line
        raise SecretError(f"{credentials} is not YAML; expected the line `{credential}: <text>`") from None
    return str(content.get(credential) or "") if isinstance(content, dict) else ""


if __name__ == "__main__":
    chosen = NEW_CREDENTIAL if sys.argv[1:] == ["--new"] else CREDENTIAL
    if chosen == CREDENTIAL or not os.environ.get(NEW_VARIABLE):
        sys.stdout.write(make_key(CREDENTIALS, chosen) + "\n")
