import pytest

from validation.measuring import measure
from validation.policy import Policy, load_policy


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The shipped policy, with fewer replicates: the laws hold for any number."""
    return fewer(load_policy("no-show"), 200)


def fewer(policy: Policy, replicates: int) -> Policy:
    content = policy.model_dump()
    content["bootstrap"]["replicates"]["value"] = replicates
    content["groups"]["noise_draws"]["value"] = 20
    return Policy.model_validate(content)


@pytest.fixture(scope="session")
def measured_of(policy):
    """Measures rows once for all tests that ask for the same simulation."""
    from benchmarks.simulated import simulate

    known = {}

    def measured(n, **faults):
        key = (n, *sorted(faults.items()))
        if key not in known:
            known[key] = measure(simulate(n, seed=7, **faults), policy)
        return known[key]

    return measured
