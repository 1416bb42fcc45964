"""Nothing that Caregate starts connects outward, or tries to: no telemetry, no asset, no look-up of a name."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.commands import caregate

WATCH = """
import ipaddress, os, socket

def note(what, address):
    with open(os.environ["CAREGATE_TEST_CONNECTIONS"], "a") as file:
        file.write(f"{what} {address} {os.getpid()}\\n")

def local(host):
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host if isinstance(host, str) else host.decode()).is_loopback
    except ValueError:
        return host == socket.gethostname()

def watched(name):
    original = getattr(socket.socket, name)
    def call(self, address, *rest):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            note("local" if local(address[0]) else "OUTWARD", address)
        return original(self, address, *rest)
    setattr(socket.socket, name, call)

for name in ("connect", "connect_ex"):
    watched(name)

resolve = socket.getaddrinfo
def getaddrinfo(host, *rest, **named):
    if not local(host):
        note("OUTWARD", host)
    return resolve(host, *rest, **named)
socket.getaddrinfo = getaddrinfo
"""


class TestDemo:
    def test_both_models_wait_for_their_signature_and_nothing_left_the_machine(self, tmp_path: Path) -> None:
        hook, log = tmp_path / "hook", tmp_path / "connections.log"
        hook.mkdir()
        (hook / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
        watched = {"PYTHONPATH": str(hook), "CAREGATE_TEST_CONNECTIONS": str(log)}
        done = caregate(tmp_path / "home", "demo", "--rows", "12000", **watched)
        assert done.returncode == 0, done.stderr
        assert "Awaiting sign-off. Next:" in done.stdout
        assert "no-show" in done.stdout
        assert "readmission-risk" in done.stdout
        seen = log.read_text(encoding="utf-8").splitlines()
        assert [line for line in seen if line.startswith("local")], "the watch saw nothing, so it proves nothing"
        assert [line for line in seen if line.startswith("OUTWARD")] == []
