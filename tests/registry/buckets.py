"""Object storage on loopback that keeps object locks, in the place of S3."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer


@contextmanager
def running_storage() -> Iterator[None]:
    """Run object storage until the block ends, where boto3 finds it by its own settings."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_ACCESS_KEY_ID", "toy")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "toy")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield
    server.stop()


def storage() -> Any:
    """Return a client of the storage with its owner's rights, who can pass every server of ours by."""
    return boto3.client("s3")


def make_bucket(name: str, *, locked: bool = True) -> str:
    """Make a bucket and return the address of a prefix in it."""
    storage().create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked)
    return f"s3://{name}/homes/one"
