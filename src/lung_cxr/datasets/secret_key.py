"""The pseudonymisation secret."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from lung_cxr.imaging.deidentify.credentials import CREDENTIAL, CREDENTIALS, VARIABLE, SecretError, read_secret
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret


class SecretKeyDataset(AbstractDataset[Secret, Secret]):
    """Loads the secret from the environment or from conf/local/credentials.yml, under every `--env`.

    Kedro's own `credentials:` would fail every pipeline and `kedro viz` where the key is missing, and would not read
    conf/local under another environment.

    Args:
        filepath: Credentials file.
        variable: Environment variable that is read first.
        credential: Name of the secret in the file.
        public: Load the public secret instead; it is refused for exports of real patients.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(
        self,
        *,
        filepath: str = str(CREDENTIALS),
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
            DatasetError: There is none, or it is too short; the message does not show its text.
        """
        if self._public:
            return Secret(PUBLIC_SECRET, public=True)
        try:
            return read_secret(self._filepath, self._variable, self._credential)
        except SecretError as error:
            raise DatasetError(str(error)) from None

    def save(self, data: Secret) -> NoReturn:  # noqa: ARG002
        """Raise an error: no pipeline writes a secret."""
        raise DatasetError("The pseudonymisation key is read-only; make one with `make key`")

    def _exists(self) -> bool:
        try:
            return bool(self.load())
        except DatasetError:
            return False

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "public": self._public}
