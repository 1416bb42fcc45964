"""Settings: environment variables with the prefix ``CAREGATE_``, or ``caregate.toml`` in the home."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from caregate.errors import BadInput
from caregate.notice_settings import NoticeSettings
from caregate.outreach_settings import OutreachSettings

DEFAULT_HOME = Path(".caregate")
ADDRESS = r"^https?://[^\s@\\]+$"
"""Of another system: it holds neither a space nor a sign-in."""
HOOK_KEY = 32
"""Characters without which a key could be guessed."""


class InvalidSettings(BadInput):
    """The environment or ``caregate.toml`` holds a setting that cannot be used."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("settings cannot be used: " + "; ".join(problems))


class Settings(BaseSettings):
    """Everything that can be set, and the places in the home that follow from it."""

    model_config = SettingsConfigDict(env_prefix="CAREGATE_", env_nested_delimiter="__", extra="forbid", frozen=True)

    home: Path = DEFAULT_HOME
    user: str = Field(default_factory=getpass.getuser, min_length=1)
    """A name that is accepted and never believed: who acts is who signed in, with `caregate sign-in`."""
    port_base: int = Field(default=5000, ge=1024, le=65000)
    database_url: str | None = None
    """The ledger's database; SQLite in the home where none is given."""
    mlflow_url: str | None = None
    """The registry's database; SQLite in the home where none is given."""
    database_owner: SecretStr | None = Field(default=None, exclude=True)
    """Name and password, parted by a colon, of who owns the PostgreSQL databases; no child process is told."""
    threads: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    scoring_workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Processes that answer for scores, each with the model and the patients' history in its memory."""
    memory_limit_gb: float = Field(default=4.0, gt=0)
    """What DuckDB may keep in memory before it spills to disk."""
    approval_days: int = Field(default=180, ge=1, le=366)
    """How long an approval stands before it has to be given again."""
    notices: NoticeSettings = NoticeSettings()
    """Whom to tell of waiting versions and ending approvals, and by what; nobody where nothing is set."""
    outreach: OutreachSettings = OutreachSettings()
    """Who writes to patients, and by which gateways; nobody where nothing is set."""
    artifacts_url: str | None = Field(
        default=None, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._/-]*)?$"
    )
    """``s3://bucket/prefix`` of a bucket with object lock; a folder in the home where none is given."""
    artifacts_retain_days: int = Field(default=400, ge=1)
    """How long an artifact in a bucket is locked: beyond the longest approval, or files could go while one stands."""
    capsule_token: SecretStr | None = Field(default=None, exclude=True)
    """Token of a Capsule user by whom scores are written back."""
    capsule_url: str = Field(default="https://api.capsulecrm.com/api/v2", pattern=ADDRESS)
    lacrm_key: SecretStr | None = Field(default=None, exclude=True)
    """API key of the Less Annoying CRM user by whom scores are written back."""
    lacrm_url: str = Field(default="https://api.lessannoyingcrm.com/v2/", pattern=ADDRESS)
    hook_key: SecretStr | None = Field(default=None, exclude=True, min_length=HOOK_KEY)
    """What the address that a CRM posts its events to ends in, so that nobody else knows it."""
    messages_secret: SecretStr | None = Field(default=None, exclude=True, min_length=HOOK_KEY)
    """What the gateway of the message channels signs its replies with."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[a-z0-9.-]+(:[0-9]+)?$")
    """Where people reach the MLflow server behind a proxy; on this machine it answers under loopback names alone."""
    single_sign_on: bool = False
    """Whether people sign in to MLflow by a proxy that knows them, and not by password."""
    scoring_host: str = Field(default="127.0.0.1", pattern=r"^[A-Za-z0-9.-]+$")
    """Where the scoring service listens; elsewhere than on loopback only with a certificate."""
    tls_certificate: Path | None = None
    """PEM file of the scoring service's certificate and those that it rests on."""
    tls_key: Path | None = None
    """PEM file of the certificate's key."""
    traces_url: str | None = Field(default=None, pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._/-]*)?$")
    """OTLP endpoint of a collector on the operator's network; without one nothing is traced."""
    sso_header: str = Field(default="X-Forwarded-User", pattern=r"^[A-Za-z0-9-]+$")
    """In which the proxy names the account."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, then environment, then the home's ``caregate.toml``."""
        given = init_settings()
        home = Path(given.get("home") or os.environ.get("CAREGATE_HOME") or DEFAULT_HOME)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, home / "caregate.toml")

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the governance database."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'ledger.db'}"

    @property
    def registry_url(self) -> str:
        """SQLAlchemy URL of MLflow's database, without the guarded scheme."""
        return self.mlflow_url or f"sqlite:///{self.mlflow_dir / 'mlflow.db'}"

    @property
    def mlflow_dir(self) -> Path:
        """Where MLflow keeps its databases and artifacts."""
        return self.home.resolve() / "mlflow"

    @property
    def artifacts_dir(self) -> Path:
        """Root of MLflow's artifacts."""
        return self.mlflow_dir / "artifacts"

    @property
    def uploads_dir(self) -> Path:
        """Artifacts that are being received, beside the artifacts and never among them."""
        return self.mlflow_dir / "uploads"

    @property
    def fetched_dir(self) -> Path:
        """Copies of artifacts that are kept in a bucket."""
        return self.home.resolve() / "fetched"

    @property
    def snapshots_dir(self) -> Path:
        """Published snapshots, one folder a digest."""
        return self.home.resolve() / "snapshots"

    @property
    def quality_dir(self) -> Path:
        """What the Great Expectations suites found of the snapshots."""
        return self.home.resolve() / "quality"

    @property
    def runs_dir(self) -> Path:
        """Workspaces of runs, one folder a run key."""
        return self.home.resolve() / "runs"

    @property
    def serving_dir(self) -> Path:
        """What the processes of the scoring service share while they run."""
        return self.home.resolve() / "serving"

    @property
    def approved_dir(self) -> Path:
        """Content-addressed copies of approved versions: all that scoring ever loads."""
        return self.home.resolve() / "approved"

    @property
    def prefect_dir(self) -> Path:
        """Prefect's home: its database, results and logs."""
        return self.home.resolve() / "prefect"

    @property
    def logs_dir(self) -> Path:
        """Logs of the servers that `caregate up` starts."""
        return self.home.resolve() / "logs"

    @property
    def exchange_dir(self) -> Path:
        """Where flows that are started in Prefect find their inputs and leave their outputs, and nowhere else."""
        return self.home.resolve() / "exchange"

    @property
    def journal_dir(self) -> Path:
        """Predictions on their way into the ledger's database."""
        return self.home.resolve() / "journal"

    @property
    def outbox_dir(self) -> Path:
        """What the sandbox of outreach keeps instead of sending it."""
        return self.home.resolve() / "outbox"

    @property
    def secrets_file(self) -> Path:
        """Generated secrets, readable by the owner alone."""
        return self.home.resolve() / "secrets.toml"


class OwnFolder(BadInput):
    """A result would land among the files that the home itself lives by."""

    def __init__(self) -> None:
        super().__init__(
            "no result is written into the home's own folders: name another place, or the home's exchange/"
        )


class NoPlace(BadInput):
    """No file can be written where a result shall go."""

    def __init__(self, output: Path) -> None:
        super().__init__(f"{output} cannot be written: name a file in a folder that is there and open to you")


def place_for_output(settings: Settings, output: Path) -> Path:
    """Return `output`, which may not lie in the home, but for its exchange folder; links are followed.

    Raises
    ------
    OwnFolder, NoPlace
        If it does, or no file can be written there.
    """
    found = output.resolve()
    if not found.parent.is_dir() or found.is_dir() or not os.access(found.parent, os.W_OK):
        raise NoPlace(output)
    if found.is_relative_to(settings.home.resolve()) and settings.exchange_dir not in found.parents:
        raise OwnFolder
    return output


def load_settings(**given: Any) -> Settings:
    """Read the settings, `given` first.

    Raises
    ------
    InvalidSettings
        If a setting is unknown or out of its range; the text names the setting and never its value.
    """
    try:
        return Settings(**{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise InvalidSettings(problems) from None
    except ValueError as error:  # tomllib's decoding error
        raise InvalidSettings([f"caregate.toml: {error}"]) from None
