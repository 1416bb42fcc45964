"""Every command, option, setting, route and link in the documentation exists."""

from __future__ import annotations

import re
from typing import Any

import pytest
import typer.main

from caregate.cli import app
from caregate.settings import Settings
from governance.people import Role
from models.catalogue import spec_of
from serving.body import decode
from serving.instances import Form
from tests.docs.pages import PAGES, ROOT, anchors, commands, links, named, requests
from validation.policy import load_policy

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=named)
COMMAND_LINE = ROOT / "docs" / "reference" / "command-line.md"


def leaves(group: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return every command by the words that call it."""
    found = {}
    for name, command in group.commands.items():
        found |= leaves(command, (*path, name)) if hasattr(command, "commands") else {(*path, name): command}
    return found


LEAVES = leaves(typer.main.get_command(app))


def what_is_wrong(words: tuple[str, ...], *, whole: bool) -> str:
    """Return what is wrong with a command, empty where nothing is."""
    if words in {(), ("--help",)}:
        return ""
    path = next((path for path in LEAVES if words[: len(path)] == path), None)
    if path is None:
        is_group = not whole and any(words == path[: len(words)] for path in LEAVES)
        return "" if is_group else "no such command"
    options = {name: item for item in LEAVES[path].params for name in item.opts if item.param_type_name == "option"}
    arguments = [item for item in LEAVES[path].params if item.param_type_name == "argument"]
    given, rest = [], list(words[len(path) :])
    seen = set()
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            given.append(word)
        elif word not in {*options, "--help"}:
            return f"no such option: {word}"
        elif word != "--help" and not options[word].is_flag:
            seen.add(word)
            rest = rest[1:]
    if len(given) > len(arguments) and all(item.nargs == 1 for item in arguments):
        return "too many arguments"
    if not whole or "--help" in words:
        return ""
    missing = [item.name for item in arguments[len(given) :] if item.required]
    missing += [name for name, item in options.items() if item.required and name not in seen]
    return f"missing: {', '.join(missing)}" if missing else ""


class TestCommands:
    @EVERY_PAGE
    def test_exist_with_their_options(self, page):
        wrong = {
            " ".join(command.words): fault
            for command in commands(page, "caregate")
            if (fault := what_is_wrong(command.words, whole=command.whole))
        }
        assert wrong == {}

    @EVERY_PAGE
    def test_of_make_are_targets(self, page):
        targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
        asked = {word for command in commands(page, "make") for word in command.words if "=" not in word}
        assert asked <= targets

    @pytest.mark.parametrize(
        ("words", "fault"),
        [
            ("run no-show --fast", "no such option: --fast"),
            ("users remove maria", "no such command"),
            ("promote no-show 1 2", "too many arguments"),
            ("score no-show --input rows.csv", "missing: --output"),
            ("score no-show --input rows.csv --output scores.csv", ""),
        ],
    )
    def test_that_do_not_exist_are_found_out(self, words, fault):
        assert what_is_wrong(tuple(words.split()), whole=True) == fault

    def test_are_found_at_all(self):
        assert sum(command.whole for page in PAGES for command in commands(page, "caregate")) > 20

    @pytest.mark.parametrize("path", LEAVES, ids=" ".join)
    def test_reference_holds_every_option(self, path):
        text = COMMAND_LINE.read_text(encoding="utf-8")
        section = text.partition(f"## `caregate {' '.join(path)}")[2].partition("\n## ")[0]
        options = [name for item in LEAVES[path].params for name in item.opts if item.param_type_name == "option"]
        assert section
        assert [name for name in options if name not in {"--home", "--json", "--help"} and name not in section] == []


class TestLinks:
    @EVERY_PAGE
    def test_lead_somewhere(self, page):
        lost = []
        for target in links(page):
            path, _, anchor = target.partition("#")
            place = (page.parent / path).resolve() if path else page
            if not place.exists() or (anchor and anchor not in anchors(place)):
                lost.append(target)
        assert lost == []

    @EVERY_PAGE
    def test_and_files_that_are_named_are_there(self, page):
        files = re.findall(r"`((?:\w+/)+[\w-]+\.(?:py|yaml|md|ipynb))`", page.read_text(encoding="utf-8"))
        assert [name for name in files if not (ROOT / name).exists()] == []

    def test_reach_every_page_from_the_index(self):
        index = ROOT / "docs" / "index.md"
        linked = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
        pages = [page for page in PAGES if page.is_relative_to(index.parent) and page.parent.name != "benchmarks"]
        assert [named(page) for page in pages if page not in {index, *linked}] == []


class TestRequests:
    def test_are_read_by_the_scoring_api(self):
        shown = [body for page in PAGES for body in requests(page)]
        assert len(shown) >= 2
        spec = spec_of("no-show")
        for body in map(decode, shown):
            assert load_policy(spec.name).allows(body.purpose)
            for instance in Form(spec, longest=200).read(body.instances):
                assert instance.missing == ()


class TestReference:
    def test_holds_every_setting_and_no_other(self):
        text = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
        assert set(re.findall(r"CAREGATE_([A-Z_]+)", text)) == {name.upper() for name in Settings.model_fields}

    @EVERY_PAGE
    def test_names_settings_that_exist(self, page):
        text = page.read_text(encoding="utf-8")
        assert {name.lower() for name in re.findall(r"CAREGATE_([A-Z_]+)", text)} <= set(Settings.model_fields)

    def test_holds_every_role(self):
        text = (ROOT / "docs" / "reference" / "tags-and-roles.md").read_text(encoding="utf-8")
        assert [role.value for role in Role if f"`{role.value}`" not in text] == []
