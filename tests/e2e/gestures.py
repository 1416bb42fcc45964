"""What people do on MLflow's pages that are refused, as gestures on a page that is open."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page

from tests.e2e.browser import set_approval, set_tag, tag

ANOTHER = "toasts-overtaken"
"""A model to which versions are copied."""
OPTION = ".du-bois-light-select-item-option"
OLD_LOOK = "_mlflow_user_setting_dismiss_next_model_registry_ui"
"""MLflow's switch in the browser: stages are moved in its old look alone."""

Gesture = Callable[[Page], None]


def say(value: str) -> Gesture:
    return lambda page: set_approval(page, value)


def write_tag(key: str, value: str = "passed") -> Gesture:
    return lambda page: set_tag(page, key, value)


def add_tag(key: str) -> Gesture:
    def does(page: Page) -> None:
        page.get_by_placeholder("Name").fill(key)
        page.get_by_placeholder("Value").fill("passed")
        page.get_by_test_id("add-tag-button").click()

    return does


def delete_tag(key: str) -> Gesture:
    def does(page: Page) -> None:
        tag(page, key).get_by_test_id("editable-table-button-delete").click()
        page.get_by_role("button", name="Confirm").click()

    return does


def set_alias(page: Page) -> None:
    page.get_by_role("button", name="Add", exact=True).first.click()
    dialog(page).get_by_role("combobox").fill("champion")
    page.keyboard.press("Enter")
    dialog(page).get_by_role("button", name="Save aliases").click()


def take_alias_away(page: Page) -> None:
    page.get_by_role("button", name="Edit aliases").click()
    dialog(page).get_by_role("combobox").press("Backspace")
    dialog(page).get_by_role("button", name="Save aliases").click()


def describe(page: Page) -> None:
    page.get_by_test_id("descriptionEditButton").click()
    page.locator("textarea").first.fill("all gates passed")
    page.get_by_role("button", name="Save").click()


def delete(page: Page) -> None:
    page.get_by_test_id("overflow-menu-trigger").click()
    page.get_by_role("menuitem", name="Delete").click()
    dialog(page).get_by_role("button", name="Delete").click()


def copy_to_another(page: Page) -> None:
    page.get_by_role("button", name="Promote model").click()
    dialog(page).get_by_role("combobox").click()
    page.locator(OPTION).filter(has_text=ANOTHER).click()
    dialog(page).get_by_role("button", name="Promote").click()


def copy_to_a_new_one(page: Page) -> None:
    page.get_by_role("button", name="Promote model").click()
    dialog(page).get_by_role("combobox").click()
    page.locator(OPTION).filter(has_text="Create New Model").click()
    dialog(page).get_by_placeholder("Input a model name").fill("copy")
    dialog(page).get_by_role("button", name="Promote").click()


def move_to_production(page: Page) -> None:
    page.evaluate(f"localStorage.setItem('{OLD_LOOK}', 'true')")
    page.reload()
    page.get_by_text("None", exact=True).last.click()
    page.locator("li").filter(has_text="Transition to").filter(has_text="Production").last.click()
    page.evaluate(f"localStorage.removeItem('{OLD_LOOK}')")
    dialog(page).get_by_role("button", name="OK").click()


def tag_in_the_list(page: Page) -> None:
    page.locator("[data-component-id*=keyvaluetagseditorcell]").first.click()
    dialog(page).get_by_role("combobox").fill("approval.by")
    page.keyboard.press("Enter")
    dialog(page).get_by_placeholder("Type a value").fill("me")
    page.keyboard.press("Enter")
    dialog(page).get_by_role("button", name="Save tags").click()


def tag_the_model(page: Page) -> None:
    page.get_by_role("button", name="Tags").click()
    add_tag("owner")(page)


def make_a_model(page: Page) -> None:
    page.get_by_test_id("create-model-button").click()
    dialog(page).get_by_role("textbox").first.fill("mine")
    dialog(page).get_by_role("button", name="Create").click()


def register_the_logged_model(page: Page) -> None:
    page.get_by_role("button", name="Register model").click()
    dialog(page).get_by_role("combobox").click()
    page.locator(OPTION).filter(has_text=ANOTHER).click()
    dialog(page).get_by_role("button", name="Register").click()


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog")
