"""Each refusal that MLflow's pages can cause: its sentence stands on the page, and nothing else happened.

What the pages have no control for is not in the table: renaming a model, and webhooks. Describing a version is not,
because MLflow's page says nothing there and shows what was typed until it is loaded again; nor is an account that was
disabled while its page was open, where the browser asks for a password and no notice is shown. Nor is what only a write
past the server brings about (a version that the ledger does not know) or what is refused before a version is there
(a failed gate): other tests have these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from governance.database import ledger_database, open_database
from governance.ledger import Act, Ledger
from governance.people import Role
from models.spec import RiskClass
from registry import names
from registry.accounts import create_account, reset_account
from registry.artifacts import artifact_folder
from registry.promotion import promote
from registry.proving import PROVEN
from registry.registering import Registered
from registry.server.never import NEVER
from registry.server.refusals import NOT_YOURS
from registry.versions import aliases_of, read_version
from tests.e2e.browser import NEEDS_CHROMIUM, PATIENCE, sign_in
from tests.e2e.gestures import (
    Gesture,
    add_tag,
    copy_to_a_new_one,
    copy_to_another,
    delete,
    delete_tag,
    describe,
    make_a_model,
    move_to_production,
    register_the_logged_model,
    say,
    set_alias,
    tag_in_the_list,
    tag_the_model,
    take_alias_away,
    write_tag,
)
from tests.registry.toys import Server, make_candidate, register

pytestmark = NEEDS_CHROMIUM

MODEL = "toasts"
HOW_TO = "set it to approved, rejected: <reason> or revoked: <reason>"
KEPT = "is written by the server, once; the verdict goes into 'approval': " + HOW_TO
PIPELINE_ONLY = "registered models are made and described by `caregate run` alone"
NO_COPIES = "versions are registered by `caregate run` alone, after the gates; copies carry no sign-off"
NOTICE = ".du-bois-light-notification-notice-close"


# What they do it to.


@dataclass
class Scene:
    """The home's versions by what is the matter with them, and a page for each person."""

    server: Server
    browser: Browser
    folder: Path
    versions: dict[str, Registered] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)

    def register(self, key: str, **given: object) -> Registered:
        made = make_candidate(self.folder / key, key, **({"model": f"{MODEL}-{key}"} | given))
        self.versions[key] = register(self.server.settings, made)
        return self.versions[key]

    def say(self, who: str, key: str, value: str) -> None:
        version = self.versions[key]
        body = {"name": version.model, "version": str(version.version), "key": names.APPROVAL, "value": value}
        with self.server.client(who) as client:
            assert client.post("/api/2.0/mlflow/model-versions/set-tag", json=body).is_success

    def use(self, key: str) -> None:
        """Put a version in use, as if its copy had gone through the serving gate."""
        self.say("rita", key, "approved")
        version = self.versions[key]
        subject = f"{version.model}/{version.version}"
        self.ledger().append_once("promoter", PROVEN, subject, digest=version.digest, checks={})
        promote(self.server.settings, version.model, version.version)

    def add(self, name: str) -> None:
        self.server.passwords[name] = create_account(self.server.settings, name, Role.REVIEWER, by="test")

    def open(self, who: str, at: str) -> Page:
        """Open a page anew, without the notices of other tests; the application itself is loaded once a person."""
        if who not in self.pages:
            self.pages[who] = sign_in(self.browser, self.server, who)
        page = self.pages[who]
        page.goto(f"{self.server.url}/#/account")
        expect(page.get_by_role("button", name="Change password")).to_be_visible(timeout=PATIENCE)
        for notice in page.locator(NOTICE).all():
            notice.click()
        expect(page.locator(NOTICE)).to_have_count(0)
        page.goto(f"{self.server.url}/#{at}")
        return page

    def ledger(self) -> Ledger:
        return Ledger(ledger_database(self.server.settings))

    def lines(self) -> list[Act]:
        return list(self.ledger().read())

    def shown(self) -> list[object]:
        """What MLflow's database says of every version, and where aliases point."""
        registry = open_database(self.server.settings.registry_url)
        found = [read_version(registry, item.model, item.version) for item in self.versions.values()]
        return [*found, *(aliases_of(registry, item.model) for item in self.versions.values())]


@pytest.fixture(scope="module")
def scene(server: Server, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(server, browser, tmp_path_factory.mktemp("toasts"))
    made.register("waiting")
    made.register("own", author="ron")
    made.register("approved")
    made.say("rita", "approved", "approved")
    made.register("rejected")
    made.say("rita", "rejected", "rejected: weak on new patients")
    made.register("clinical", risk_class=RiskClass.CLINICAL)
    made.say("rita", "clinical", "approved")
    made.register("waived", valid_until=date(2026, 1, 31))
    made.register("first", model=f"{MODEL}-overtaken", seed=1)
    made.register("overtaken", seed=2)
    made.use("first")
    spoil(made, made.register("changed"))
    made.add("reset")
    server.passwords["reset"] = reset_account(server.settings, "reset", by="test")
    yield made
    for page in made.pages.values():
        page.context.close()


def spoil(scene: Scene, version: Registered) -> None:
    found = read_version(open_database(scene.server.settings.registry_url), version.model, version.version)
    file = artifact_folder(scene.server.settings, found.location) / "model.ubj"
    file.chmod(0o600)
    file.write_bytes(b"others")


# What has to come of it.


@dataclass(frozen=True)
class Refusal:
    """A gesture that is refused.

    Attributes
    ----------
    does
        What is done on the page, in words and as a gesture.
    who
        Does it.
    on, at
        Which version, and which of its pages.
    says
        The sentence that has to stand on the page.
    line
        The ledger's one new line.
    """

    does: str
    who: str
    gesture: Gesture
    says: str
    line: str = "approval.refuse"
    on: str = "waiting"
    at: str = "/models/{0.model}/versions/{0.version}"


LIST, MODELS = "/models/{0.model}", "/models"
LOGGED = "/experiments/{0.experiment_id}/models/{0.model_id}"

VERDICTS = (
    Refusal(
        "sign what one wrote",
        "ron",
        say("approved"),
        "four eyes: the author may not sign off their own version; ask another reviewer",
        on="own",
    ),
    Refusal(
        "reject what one wrote",
        "ron",
        say("rejected: so that nobody sees it"),
        "four eyes: the author may not sign off their own version; ask another reviewer",
        on="own",
    ),
    Refusal(
        "sign as an engineer",
        "ada",
        say("approved"),
        "ada is not a reviewer: only reviewers and clinical reviewers sign versions",
    ),
    Refusal("sign as an auditor", "otto", say("approved"), NOT_YOURS, "request.refuse"),
    Refusal(
        "sign as the administrator",
        "admin",
        say("approved"),
        "admin is not a reviewer: only reviewers and clinical reviewers sign versions",
    ),
    Refusal(
        "give too short a reason", "rita", say("rejected: no"), "say why, in at least 10 characters: rejected: <reason>"
    ),
    Refusal("give no reason", "rita", say("revoked"), "say why, in at least 10 characters: revoked: <reason>"),
    Refusal(
        "give too long a reason",
        "rita",
        say("rejected: " + 1001 * "x"),
        "write the reason in visible characters, at most 1000: rejected: <reason>",
    ),
    Refusal("type another word", "rita", say("fine"), f"this value of 'approval' means nothing here: {HOW_TO}"),
    Refusal(
        "type what the server writes", "rita", say("pending"), f"this value of 'approval' means nothing here: {HOW_TO}"
    ),
    Refusal(
        "revoke what waits",
        "rita",
        say("revoked: the export was wrong"),
        "only an approved version can be revoked; it is pending",
    ),
    Refusal(
        "approve what is approved",
        "rob",
        say("approved"),
        "the version is approved already: a new verdict needs a new version",
        on="approved",
    ),
    Refusal(
        "approve what is rejected",
        "rob",
        say("approved"),
        "the version is rejected already: a new verdict needs a new version",
        on="rejected",
    ),
    Refusal(
        "revoke what is rejected",
        "rob",
        say("revoked: the export was wrong"),
        "only an approved version can be revoked; it is rejected",
        on="rejected",
    ),
    Refusal(
        "sign twice",
        "rita",
        say("approved"),
        "rita has signed already: a clinical model needs a second person",
        on="clinical",
    ),
    Refusal(
        "sign second, not being clinical",
        "rob",
        say("approved"),
        "the second signature of a clinical model has to be a clinical reviewer's",
        on="clinical",
    ),
    Refusal(
        "sign past a waiver's end",
        "rita",
        say("approved"),
        "a waiver that it stands on ended on 2026-01-31: mend the model or renew the waiver",
        on="waived",
    ),
    Refusal(
        "sign what came too late",
        "rita",
        say("approved"),
        "version 1 came into use since this one was judged: run the model again",
        on="overtaken",
    ),
    Refusal(
        "sign changed files",
        "rita",
        say("approved"),
        "the files are not those that went through the gates: run the model again",
        on="changed",
    ),
    Refusal(
        "sign with a password that another has seen",
        "reset",
        say("approved"),
        "this account's password was reset, so somebody else has seen it: change it first (the account's name at the "
        "bottom left, Change password), sign in with the new one, then approve",
    ),
)
TAGS = (
    Refusal("write a stamp", "rita", add_tag("approval.by"), f"'approval.by' {KEPT}", "tag.refuse"),
    Refusal("write what looks like a stamp", "rita", add_tag("аpproval"), f"'аpproval' {KEPT}", "tag.refuse"),
    Refusal("change a verdict", "rita", write_tag("gate.bias"), f"'gate.bias' {KEPT}", "tag.refuse"),
    Refusal("change the author", "admin", write_tag("author", "eve"), f"'author' {KEPT}", "tag.refuse"),
    Refusal("delete a verdict", "admin", delete_tag("gate.bias"), f"'gate.bias' {KEPT}", "tag.refuse"),
    Refusal(
        "delete the approval", "admin", delete_tag("approval"), f"'approval' is not deleted: {HOW_TO}", "tag.refuse"
    ),
    Refusal("delete the approval as a reviewer", "rita", delete_tag("approval"), NOT_YOURS, "request.refuse"),
    Refusal("write a stamp in the list", "admin", tag_in_the_list, f"'approval.by' {KEPT}", "tag.refuse", at=LIST),
    Refusal("tag the model", "admin", tag_the_model, PIPELINE_ONLY, "model.refuse", at=LIST),
)
REGISTRY = (
    Refusal("set the alias as a reviewer", "rita", set_alias, NOT_YOURS, "request.refuse", on="approved"),
    Refusal(
        "set the alias",
        "admin",
        set_alias,
        "the alias 'champion' is set by the promote flow alone, once the version is approved",
        "alias.refuse",
        on="approved",
    ),
    Refusal(
        "take the alias away",
        "admin",
        take_alias_away,
        "aliases are taken away by the promoter alone",
        "alias.refuse",
        on="first",
    ),
    Refusal("delete the version as a reviewer", "rita", delete, NOT_YOURS, "request.refuse"),
    Refusal("delete the version", "admin", delete, NEVER, "version.refuse"),
    Refusal("delete the model", "admin", delete, NEVER, "model.refuse", at=LIST),
    Refusal("move to another stage", "admin", move_to_production, NEVER, "version.refuse"),
    Refusal("promote to another model", "admin", copy_to_another, NO_COPIES, "version.refuse", on="approved"),
    Refusal("promote to a new model", "admin", copy_to_a_new_one, PIPELINE_ONLY, "model.refuse", on="approved"),
    Refusal("make a model", "ada", make_a_model, PIPELINE_ONLY, "model.refuse", at=MODELS),
    Refusal("register a logged model", "admin", register_the_logged_model, NO_COPIES, "version.refuse", at=LOGGED),
    Refusal("describe the model", "admin", describe, PIPELINE_ONLY, "model.refuse", at=LIST),
)


@pytest.mark.parametrize("case", [*VERDICTS, *TAGS, *REGISTRY], ids=lambda case: case.does.replace(" ", "-"))
def test_the_page_says_why_and_nothing_else_happens(scene: Scene, case: Refusal) -> None:
    page = scene.open(case.who, case.at.format(scene.versions[case.on]))
    before, lines = scene.shown(), len(scene.lines())
    case.gesture(page)
    notice = page.get_by_role("alert").filter(has_text=f"Refused: {case.says}.")
    expect(notice.first).to_be_visible(timeout=PATIENCE)
    assert [(act.actor, act.action) for act in scene.lines()[lines:]] == [(case.who, case.line)]
    assert scene.shown() == before
