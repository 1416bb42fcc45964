"""A real SMTP server and a real HTTP server on loopback, which say what they were told to and keep what they heard."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "caregate", "correct horse"


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return a self-signed certificate for localhost, as a file to trust and as a server's context."""
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run([*made, *names], cwd=folder, check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return folder / "certificate.pem", context


@dataclass
class MailBox:
    """What came to a mail server: envelopes, and whether their session was secret; `answer` is what it says to mail."""

    port: int = 0
    answer: str = "250 taken"
    refuses: tuple[str, ...] = ()
    mails: list[Envelope] = field(default_factory=list)
    secret: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, server, session: Session, envelope: Envelope, address: str, options) -> str:  # noqa: N802
        if address in self.refuses:
            return "550 no such box"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.mails.append(envelope)
            self.secret.append(session.ssl is not None)
        return self.answer


def _authenticate(server, session, envelope, mechanism, data: LoginPassword) -> AuthResult:
    known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=known)


@contextmanager
def mail_server(context: ssl.SSLContext | None) -> Iterator[MailBox]:
    """Run a mail server that offers STARTTLS and a sign-in where it has a certificate."""
    box = MailBox()
    signs_in = {"authenticator": _authenticate, "auth_required": True} if context else {}
    box.port = closed_port()
    controller = Controller(box, hostname="127.0.0.1", port=box.port, tls_context=context, **signs_in)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Posts:
    """What was posted to an HTTP server, and that it `came`; `status` is what it answers, `location` where to."""

    url: str = ""
    status: int = 204
    location: str = ""
    silent: threading.Event | None = None
    came: threading.Event = field(default_factory=threading.Event)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def http_server(context: ssl.SSLContext | None = None) -> Iterator[Posts]:
    """Run an HTTP server that takes posts."""
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            posts.headers.append({key.lower(): value for key, value in self.headers.items()})
            posts.bodies.append(body)
            posts.came.set()
            if posts.silent is not None:
                posts.silent.wait(30)
            self.send_response(posts.status)
            if posts.location:
                self.send_header("location", posts.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    posts.url = f"http{'s' if context else ''}://localhost:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield posts
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
