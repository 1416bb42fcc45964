"""The page that lists the attacks: ``python -m tests.attacks.page > docs/explanation/attacks.md``."""

from __future__ import annotations

import sys

from tests.attacks.attack import Attack
from tests.attacks.table import FAMILIES

HEAD = """# What was tried against a signature

{cases} attacks in {families} families are run by the tests against a real MLflow server and, where a line says so,
a real scoring server. This page is made from the table that the tests run (`python -m tests.attacks.page`), and a
test holds it true.

Each attack ends in one of these ways:

- **refused and recorded**: the answer says no, and a line of the ledger names who tried. Whoever is refused more than
  60 times a minute by MLflow's own permissions, or fails to sign in more than once a minute, is counted by the next
  line.
- **no effect**: whatever was answered, nothing came of it.
- **found out**: only for who owns the ledger's file on SQLite and takes its triggers away, which is outside of what is
  promised. Nothing is served that nobody signed, and the ledger's check names the line, but for an end that was cut
  off: that shows against what was exported or seen before.

After each of them, whichever way it ended: the ledger verifies (or, where lines were forged by SQL, its check names
the line); the same version with the same digest is served; verdicts, the server's tags and aliases are as they were;
every version's files hash to the digest that they were registered with; no answer is a fault of the server, holds a
secret or a traceback.

What is outside: whoever owns the home's files and its `secrets.toml` ([what a signature stands for](sign-off.md)). On
PostgreSQL there are further attacks, by SQL, in `tests/registry/test_direct_sql.py`.
"""


def render() -> str:
    """Return the page."""
    cases = sum(len(attacks) for attacks in FAMILIES.values())
    parts = [HEAD.format(cases=cases, families=len(FAMILIES))]
    parts += [_family(name, attacks) for name, attacks in FAMILIES.items()]
    return "\n".join(parts)


def _family(name: str, attacks: tuple[Attack, ...]) -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    for attack in attacks:
        rows.setdefault((attack.name, attack.ends.value), []).append(attack.who)
    lines = [
        f"| {_cell(does)} | {', '.join(dict.fromkeys(who)) or 'nobody'} | {ends} |"
        for (does, ends), who in rows.items()
    ]
    head = [f"## {name} ({len(attacks)})", "", "| what was tried | by | ended |", "|---|---|---|"]
    return "\n".join([*head, *lines, ""])


def _cell(text: str) -> str:
    shown = text if len(text) <= 120 else f"{text[:117]}..."
    safe = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in shown)
    return safe.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(render())
