"""A bucket with object lock: each object is put once, and its first version is what it is.

Whoever has the bucket's credentials may put another object over one, or a delete marker. Under a compliance lock the
first version stays all the same, so reading asks for that one by its version id.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, CaregateError
from registry.artifact_store import WrittenOnce

TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")
"""What S3 answers where an object stands already, or is being put at this moment."""
NEVER_LOCKED = "ObjectLockConfigurationNotFoundError"


class NoBoto(BadInput):
    """The library that speaks to S3 is not installed."""

    def __init__(self) -> None:
        super().__init__("artifacts in a bucket need boto3: install caregate[s3]")


class Unlocked(BadInput):
    """The bucket would let objects be replaced or deleted."""

    def __init__(self, bucket: str, lacks: str) -> None:
        super().__init__(
            f"bucket {bucket} has no {lacks}: artifacts are kept only where nothing can be replaced or deleted; "
            "make a bucket with object lock and name it in artifacts_url"
        )


class BucketFault(CaregateError):
    """The bucket did not do what it was asked."""

    def __init__(self, bucket: str, code: str) -> None:
        super().__init__(
            f"bucket {bucket} answered {code}: check its address, its policy and this machine's credentials"
        )
        self.code = code


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of an object: the bucket's name of it, its size in bytes and its SHA-256 in hex, once asked for."""

    version: str
    size: int
    sha256: str = ""


class LockedBucket:
    """The objects under a prefix of a bucket.

    Parameters
    ----------
    url
        ``s3://bucket/prefix``; endpoint and credentials are boto3's own settings.
    retain_days
        How long each object stays locked.
    clock
        Tells the moment from which the lock is counted.

    Raises
    ------
    NoBoto, Unlocked, BucketFault
        If the bucket cannot be used.
    """

    def __init__(self, url: str, *, retain_days: int, clock: Clock = system_clock) -> None:
        self._name, _, prefix = url.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._retain = timedelta(days=retain_days)
        self._clock = clock
        self.client = _client()
        self._require_lock()

    def put_once(self, path: str, body: Any, sha256: str) -> None:
        """Put an object where none stands, locked from its first moment; the same content again is no change.

        Raises
        ------
        WrittenOnce
            If one stands there with other content.
        """
        try:
            with self._asking():
                self.client.put_object(
                    **self._object(path),
                    Body=body,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                    ObjectLockMode="COMPLIANCE",
                    ObjectLockRetainUntilDate=self._clock() + self._retain,
                )
        except BucketFault as fault:
            if fault.code not in TAKEN:
                raise
        first = self.first(path)  # behind a delete marker the bucket takes another, which then is not the first
        if first is None or self.weighed(path, first).sha256 != sha256:
            raise WrittenOnce

    def first(self, path: str) -> Stored | None:
        """Return the first version of the object at `path`."""
        found = None
        for rest, stored in self._versions(path):
            if rest:  # a longer key: those of this one come before it
                break
            found = stored
        return found

    def firsts(self, start: str) -> dict[str, Stored]:
        """Return the first version of every object whose path begins with `start`, by the rest of its path."""
        return dict(self._versions(start))

    def weighed(self, path: str, stored: Stored) -> Stored:
        """Return `stored` with the SHA-256 that the bucket reckoned when it was put."""
        if stored.sha256:
            return stored
        with self._asking():
            head = self.client.head_object(**self._object(path), VersionId=stored.version, ChecksumMode="ENABLED")
        return replace(stored, sha256=base64.b64decode(head.get("ChecksumSHA256", "")).hex())

    def read(self, path: str, stored: Stored) -> Any:
        """Return the JSON in a version of an object."""
        with self._asking():
            return json.load(self.client.get_object(**self._object(path), VersionId=stored.version)["Body"])

    def download(self, path: str, stored: Stored, target: Path) -> None:
        """Write a version of an object to a local file."""
        with self._asking():
            answer = self.client.get_object(**self._object(path), VersionId=stored.version)
            with target.open("wb") as file:
                shutil.copyfileobj(answer["Body"], file)

    def _object(self, path: str) -> dict[str, str]:
        return {"Bucket": self._name, "Key": self._prefix + path}

    def _versions(self, start: str) -> Iterator[tuple[str, Stored]]:
        """Yield every version by key, of one key the newest first and the first one last."""
        pages = self.client.get_paginator("list_object_versions")
        with self._asking():
            for page in pages.paginate(Bucket=self._name, Prefix=self._prefix + start):
                for item in page.get("Versions", []):
                    yield item["Key"].removeprefix(self._prefix + start), Stored(item["VersionId"], item["Size"])

    def _require_lock(self) -> None:
        try:
            with self._asking():
                lock = self.client.get_object_lock_configuration(Bucket=self._name)["ObjectLockConfiguration"]
                versioning = self.client.get_bucket_versioning(Bucket=self._name)
        except BucketFault as fault:
            if fault.code != NEVER_LOCKED:
                raise
            raise Unlocked(self._name, "object lock") from None
        if lock.get("ObjectLockEnabled") != "Enabled":
            raise Unlocked(self._name, "object lock")
        if versioning.get("Status") != "Enabled":
            raise Unlocked(self._name, "versioning")

    @contextmanager
    def _asking(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            raise BucketFault(self._name, error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise BucketFault(self._name, type(error).__name__) from error


def _client() -> Any:
    try:
        import boto3
    except ImportError:
        raise NoBoto from None
    return boto3.client("s3")
