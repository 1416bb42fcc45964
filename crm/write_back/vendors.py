"""The CRMs that scores can be written into, opened by a home's settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from pydantic import SecretStr

from caregate.clock import Clock
from caregate.settings import Settings
from crm.write_back.budget import Budget
from crm.write_back.capsule import Capsule
from crm.write_back.lacrm import LessAnnoyingCrm
from crm.write_back.policy import WriteBackPolicy
from crm.write_back.target import NotSetUp, Target
from crm.write_back.vendor import Vendor

CRMS = (Capsule.name, LessAnnoyingCrm.name)


@contextmanager
def open_target(
    name: str, settings: Settings, policy: WriteBackPolicy, *, clock: Clock, sleep: Callable[[float], None]
) -> Iterator[Target]:
    """Open the CRM called `name`, and close its connections at the end.

    Raises
    ------
    NotSetUp
        If no token is set for it.
    crm.write_back.target.Insecure
        If its address is not encrypted.
    """
    if name == Capsule.name:
        address = settings.capsule_url
        authorization = f"Bearer {_given(settings.capsule_token, 'CAREGATE_CAPSULE_TOKEN')}"
    else:
        address = settings.lacrm_url
        authorization = _given(settings.lacrm_key, "CAREGATE_LACRM_KEY")
    requests = policy.requests
    budget = Budget(
        policy.targets[name],
        spare=requests.spare,
        longest_wait=requests.longest_wait_seconds,
        clock=clock,
        sleep=sleep,
    )
    vendor = Vendor(address, {"Authorization": authorization}, budget, requests, sleep=sleep)
    with closing(vendor):
        yield Capsule(vendor) if name == Capsule.name else LessAnnoyingCrm(vendor)


def _given(secret: SecretStr | None, setting: str) -> str:
    if secret is None:
        raise NotSetUp(setting)
    return secret.get_secret_value()
