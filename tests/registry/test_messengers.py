"""How a message is handed over, and what is said where it is not: by real servers on loopback."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from caregate.notice_settings import EmailSettings, WebhookSettings
from caregate.settings import InvalidSettings, load_settings
from governance.people import Role
from registry.launch import home_environment
from registry.messengers.email import Email
from registry.messengers.message import Message, NotDelivered
from registry.messengers.webhook import Webhook, read_key
from tests.registry.listeners import PASSWORD, USER, MailBox, Posts, certificate, closed_port, http_server, mail_server

SIGNERS = (Role.REVIEWER, Role.CLINICAL_REVIEWER)
MESSAGE = Message(
    name="sha256:" + "ab" * 32,
    kind="version.waiting",
    subject="no-show/3",
    title="no-show version 3 waits for a signature",
    lines=("It takes one signature.",),
    roles=SIGNERS,
    at=datetime(2026, 11, 22, 12, tzinfo=UTC),
    links={"Version": "https://mlflow.example.org/#/models/no-show/versions/3"},
)
TO = {"reviewer": ["rita@example.org", "ron@example.org"], "clinical-reviewer": ["clara@example.org"]}
KEY = b"a key of the home"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def guarded(trusted: tuple[Path, ssl.SSLContext]) -> Iterator[MailBox]:
    with mail_server(trusted[1]) as box:
        yield box


@pytest.fixture(scope="module")
def open_box() -> Iterator[MailBox]:
    with mail_server(None) as box:
        yield box


@pytest.fixture
def posts() -> Iterator[Posts]:
    with http_server() as started:
        yield started


@pytest.fixture
def password(tmp_path: Path) -> Path:
    (tmp_path / "mail.password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    return tmp_path / "mail.password"


def email(port: int, **given: object) -> Email:
    values = {"host": "localhost", "port": port, "from": "caregate@example.org", "to": TO, "security": "none"}
    return Email(EmailSettings.model_validate(values | given), Path("/nowhere"), 5)


def webhook(url: str, timeout: float = 5, **given: object) -> Webhook:
    return Webhook(WebhookSettings.model_validate({"url": url} | given), lambda: KEY, timeout)


class TestEmail:
    def test_is_secret_and_signed_in_and_says_what_it_is_about(
        self, guarded: MailBox, trusted: tuple[Path, ssl.SSLContext], password: Path
    ) -> None:
        sender = email(guarded.port, security="starttls", authority=trusted[0], user=USER, password_file=password)
        sender.send(MESSAGE)
        found = guarded.mails[-1]
        mail = message_from_bytes(found.original_content, policy=default)
        assert guarded.secret[-1]
        assert found.rcpt_tos == ["rita@example.org", "ron@example.org", "clara@example.org"]
        assert mail["subject"] == "[Caregate] no-show version 3 waits for a signature"
        assert mail["message-id"] == f"<{'ab' * 32}@example.org>"
        assert mail.get_content().splitlines() == ["It takes one signature.", f"Version: {MESSAGE.links['Version']}"]

    def test_is_not_sent_where_the_certificate_is_not_trusted(self, guarded: MailBox, password: Path) -> None:
        before = len(guarded.mails)
        with pytest.raises(NotDelivered, match="cannot be trusted"):
            email(guarded.port, security="starttls", user=USER, password_file=password).send(MESSAGE)
        assert len(guarded.mails) == before

    def test_is_not_sent_in_the_clear_where_tls_was_asked_for(self, open_box: MailBox) -> None:
        before = len(open_box.mails)
        with pytest.raises(NotDelivered, match="offers no STARTTLS"):
            email(open_box.port, security="starttls").send(MESSAGE)
        assert len(open_box.mails) == before

    def test_says_that_the_password_was_refused_and_not_which(
        self, guarded: MailBox, trusted: tuple[Path, ssl.SSLContext], tmp_path: Path
    ) -> None:
        (tmp_path / "wrong").write_text("battery staple", encoding="utf-8")
        sender = email(
            guarded.port, security="starttls", authority=trusted[0], user=USER, password_file=tmp_path / "wrong"
        )
        with pytest.raises(NotDelivered, match="refused the user or the password") as raised:
            sender.send(MESSAGE)
        assert "battery" not in str(raised.value)

    @pytest.mark.parametrize("line", ["\r\nBcc: eve@example.org", "\nBcc: eve@example.org\n\nspam"])
    def test_takes_no_header_from_a_title(self, open_box: MailBox, line: str) -> None:
        crooked = Message(**{**vars(MESSAGE), "title": MESSAGE.title + line})
        before = len(open_box.mails)
        with pytest.raises(ValueError, match="linefeed"):
            email(open_box.port).send(crooked)
        assert len(open_box.mails) == before

    def test_is_delivered_once_one_address_was_taken(self, open_box: MailBox) -> None:
        open_box.refuses = ("ron@example.org",)
        email(open_box.port).send(MESSAGE)
        assert open_box.mails[-1].rcpt_tos == ["rita@example.org", "clara@example.org"]
        open_box.refuses = ()

    @pytest.mark.parametrize(
        ("answer", "refuses", "said"),
        [
            ("451 later, rita@example.org", (), "answered 451"),
            ("250 taken", (*TO["reviewer"], *TO["clinical-reviewer"]), "refused every address"),
        ],
    )
    def test_says_what_the_server_said_without_addresses(
        self, open_box: MailBox, answer: str, refuses: tuple[str, ...], said: str
    ) -> None:
        open_box.answer, open_box.refuses = answer, refuses
        with pytest.raises(NotDelivered, match=said) as raised:
            email(open_box.port).send(MESSAGE)
        assert "@" not in str(raised.value)
        open_box.answer, open_box.refuses = "250 taken", ()

    def test_says_that_nobody_listens(self) -> None:
        with pytest.raises(NotDelivered, match="cannot be reached"):
            email(closed_port()).send(MESSAGE)

    def test_gives_up_on_a_server_that_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            sender = Email(
                EmailSettings.model_validate(
                    {"host": "127.0.0.1", "port": silent.getsockname()[1], "from": "a@b.org", "to": TO}
                ),
                Path("/nowhere"),
                0.1,
            )
            with pytest.raises(NotDelivered, match="said nothing in time"):
                sender.send(MESSAGE)

    def test_reaches_roles_with_an_address(self) -> None:
        assert email(25).reaches(SIGNERS)
        assert not email(25).reaches((Role.ENGINEER, Role.ADMIN))


class TestWebhook:
    def test_posts_what_can_be_checked(self, posts: Posts) -> None:
        webhook(posts.url).send(MESSAGE)
        (headers,), (body,) = posts.headers, posts.bodies
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        said = json.loads(body)
        assert (said["id"], said["kind"], said["subject"]) == (MESSAGE.name, "version.waiting", "no-show/3")
        assert said["roles"] == ["reviewer", "clinical-reviewer"]
        assert said["links"] == MESSAGE.links

    def test_carries_no_key(self, posts: Posts) -> None:
        webhook(posts.url).send(MESSAGE)
        assert KEY not in posts.bodies[0] + repr(posts.headers).encode()

    @pytest.mark.parametrize("status", [400, 404, 500, 503])
    def test_is_not_delivered_where_it_was_not_taken(self, posts: Posts, status: int) -> None:
        posts.status = status
        with pytest.raises(NotDelivered, match=f"answered {status}"):
            webhook(posts.url).send(MESSAGE)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_follows_nobody_elsewhere(self, posts: Posts, status: int) -> None:
        with http_server() as elsewhere:
            posts.status, posts.location = status, elsewhere.url
            with pytest.raises(NotDelivered, match=f"answered {status}"):
                webhook(posts.url).send(MESSAGE)
            assert elsewhere.bodies == []

    def test_gives_up_on_an_address_that_says_nothing(self, posts: Posts) -> None:
        posts.silent = threading.Event()
        with pytest.raises(NotDelivered, match=r"longer than 0\.2 seconds"):
            webhook(posts.url, timeout=0.2).send(MESSAGE)
        posts.silent.set()

    def test_says_that_nobody_listens(self) -> None:
        with pytest.raises(NotDelivered, match="cannot be reached"):
            webhook(f"http://127.0.0.1:{closed_port()}/hook").send(MESSAGE)

    def test_believes_no_certificate_that_nobody_vouches_for(self, trusted: tuple[Path, ssl.SSLContext]) -> None:
        with http_server(trusted[1]) as untrusted:
            with pytest.raises(NotDelivered, match="certificate not trusted"):
                webhook(untrusted.url).send(MESSAGE)
            assert untrusted.bodies == []

    def test_takes_no_proxy_from_the_environment(self, posts: Posts, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
        webhook(posts.url).send(MESSAGE)
        assert len(posts.bodies) == 1


class TestWhereAWebhookMayLead:
    @pytest.mark.parametrize(
        "address",
        ["10.0.0.7", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[::ffff:10.0.0.7]"],
    )
    def test_into_no_private_network(self, address: str) -> None:
        with pytest.raises(NotDelivered, match="private network"):
            webhook(f"https://{address}/hook").send(MESSAGE)

    @pytest.mark.parametrize("address", ["127.0.0.2", "0.0.0.0", "[::ffff:127.0.0.1]"])  # noqa: S104
    def test_to_this_machine_by_no_other_name(self, address: str) -> None:
        with pytest.raises(NotDelivered, match="private network"):
            webhook(f"https://{address}/hook").send(MESSAGE)

    def test_nowhere_in_the_clear(self) -> None:
        with pytest.raises(NotDelivered, match="begin with https"):
            webhook("http://hooks.example.org/x", allow_private=True).send(MESSAGE)

    def test_to_no_private_address_by_a_name_that_turns_private(
        self, posts: Posts, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        port = int(posts.url.rpartition(":")[2].partition("/")[0])
        answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_given: answers)
        with pytest.raises(NotDelivered, match="private network"):
            webhook(f"https://hooks.example.org:{port}/hook").send(MESSAGE)
        assert posts.bodies == []

    def test_into_a_private_network_where_that_is_set(self, trusted: tuple[Path, ssl.SSLContext]) -> None:
        with http_server(trusted[1]) as inside, pytest.raises(NotDelivered, match="certificate not trusted"):
            webhook(inside.url.replace("localhost", "127.0.0.2"), allow_private=True).send(MESSAGE)


class TestItsSecret:
    def test_is_base64_after_its_prefix(self) -> None:
        assert read_key("whsec_" + base64.b64encode(b"32 bytes").decode()) == b"32 bytes"

    def test_is_its_text_without_one(self) -> None:
        assert read_key("of somebody's own") == b"of somebody's own"

    def test_is_refused_where_it_is_neither(self) -> None:
        with pytest.raises(NotDelivered, match="not base64"):
            read_key("whsec_ä")


class TestSettings:
    def test_reach_a_child_process_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        mail = {"host": "mail.example.org", "from": "caregate@example.org", "to": TO}
        given = load_settings(home=tmp_path, notices={"email": mail, "webhook": {"url": "https://hooks.example.org/x"}})
        for key, value in home_environment(given).items():
            monkeypatch.setenv(key, value)
        assert load_settings(home=tmp_path).notices == given.notices

    @pytest.mark.parametrize(
        "wrong",
        [
            {"email": {"host": "m", "from": "a@b.org", "to": {"surgeon": ["x@y.org"]}}},
            {"email": {"host": "m", "from": "A <a@b.org>", "to": {}}},
            {"email": {"host": "m", "from": "a@b.org", "to": {"reviewer": ["x@y.org\r\nBcc: z@y.org"]}}},
            {"email": {"host": "m", "from": "a@b.org", "to": {}, "user": "u"}},
            {
                "email": {
                    "host": "m",
                    "from": "a@b.org",
                    "to": {},
                    "user": "u",
                    "password_file": "p",
                    "security": "none",
                }
            },
            {"webhook": {"url": "ftp://hooks.example.org"}},
            {"webhook": {"url": "https://name:word@hooks.example.org"}},
        ],
    )
    def test_that_cannot_be_meant_are_refused_without_their_values(self, tmp_path: Path, wrong: dict) -> None:
        with pytest.raises(InvalidSettings) as raised:
            load_settings(home=tmp_path, notices=wrong)
        assert "word@" not in str(raised.value)
