"""The pseudonymisation secret, read only when ingestion needs it."""

import os
from pathlib import Path
from typing import Any, NoReturn

import yaml
from kedro.io import AbstractDataset, DatasetError

from lung_cxr.imaging.deidentify.pseudonyms import CREDENTIAL, PUBLIC_SECRET, VARIABLE, Secret


class SecretKeyDataset(AbstractDataset[Secret, Secret]):
    """Finds the secret in the environment, else in conf/local/credentials.yml, whatever `--env` is.

    Kedro's own `credentials:` would fail every pipeline, and `kedro viz`, where the key is missing, and is not read
    from conf/local under another environment.

    Args:
        filepath: The credentials file.
        variable: The environment's, looked for first.
        credential: Its name in the file.
        public: Take the fixed secret that everybody knows instead; refused on exports that are not synthetic.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(
        self,
        *,
        filepath: str = "conf/local/credentials.yml",
        variable: str = VARIABLE,
        credential: str = CREDENTIAL,
        public: bool = False,
        metadata: dict[str, Any] | None = None,
    ):
        self._filepath = Path(filepath)
        self._variable, self._credential = variable, credential
        self._public = public
        self.metadata = metadata

    def load(self) -> Secret:
        """Return the secret.

        Raises:
            DatasetError: There is none, or it is too short; its text is not shown.
        """
        if self._public:
            return Secret(PUBLIC_SECRET, public=True)
        text = os.environ.get(self._variable) or self._from_file()
        if not text:
            raise DatasetError(
                f"No pseudonymisation key: neither the variable {self._variable} nor `{self._credential}` in "
                f"{self._filepath} is set. Make one with `make key` and keep it safe: every later export needs the "
                "same one"
            )
        try:
            return Secret(text)
        except ValueError as error:
            raise DatasetError(str(error)) from None

    def save(self, data: Secret) -> NoReturn:  # noqa: ARG002
        """Always an error: a pipeline never writes a secret."""
        raise DatasetError("The pseudonymisation key is only read; `make key` makes one")

    def _from_file(self) -> str:
        if not self._filepath.is_file():
            return ""
        try:
            content = yaml.safe_load(self._filepath.read_text(encoding="utf-8"))
        except yaml.YAMLError:  # its message quotes the line
            raise DatasetError(
                f"{self._filepath} is not YAML; expected the line `{self._credential}: <text>`"
            ) from None
        return str(content.get(self._credential) or "") if isinstance(content, dict) else ""

    def _exists(self) -> bool:
        return self._public or bool(os.environ.get(self._variable)) or self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "public": self._public}
