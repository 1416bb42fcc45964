"""The outreach policy: what ships holds, and a text that hides the machine, the sender or the way out is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from crm.outreach.medium import Medium
from crm.outreach.policy import POLICY, NoOutreach, OutreachPolicyUnfit, load_outreach_policy
from crm.outreach.sensitive import is_sensitive
from crm.outreach.templates import Sensitivity
from validation.policy import load_policy


def changed(tmp_path: Path, change) -> Path:
    content = yaml.safe_load(POLICY.read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "outreach.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


class TestWhatShips:
    def test_keeps_to_what_health_care_messages_may_be(self, policy):
        assert (policy.caps.a_day.value, policy.caps.a_week.value) == (1, 3)
        assert (f"{policy.quiet_hours.begin:%H:%M}", f"{policy.quiet_hours.end:%H:%M}") == ("21:00", "08:00")
        assert policy.longest[Medium.SMS].value == 160

    def test_texts_fit_an_sms_with_a_long_name(self, policy):
        for template in policy.templates.values():
            for language in template.texts:
                text = template.render(language, "Springfield Family Clinic", "call +1 555 010 2000")
                assert len(text) <= policy.longest[Medium.SMS].value

    def test_asks_for_purposes_that_the_models_allow(self, policy):
        assert [name for name, said in policy.models.items() if not load_policy(name).allows(said.purpose)] == []

    def test_holds_nobody_out_of_follow_up_after_a_stay(self, policy):
        assert policy.of("readmission-risk").hold_out.value == 0

    def test_says_no_word_that_it_would_hold_back_itself(self, policy):
        plain = [item for item in policy.templates.values() if item.sensitivity is Sensitivity.PLAIN]
        texts = [text for template in plain for text in template.texts.values()]
        assert [text for text in texts if is_sensitive(text, policy.sensitive_words)] == []


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("text", "lack"),
        [
            ("{provider}: come soon. {reach}. Reply STOP to end.", "automated"),
            ("{provider}: come soon. {reach}. Automated message.", "how to stop"),
            ("Come soon. {reach}. Automated message. Reply STOP to end.", "provider"),
            ("{provider}: come soon. Automated message. Reply STOP to end.", "reach"),
            ("{provider}: {reach}, {diagnosis}. Automated message. STOP to end.", "no other place"),
        ],
    )
    def test_a_text_that_lacks_what_each_has_to_say(self, tmp_path, text, lack):
        path = changed(tmp_path, lambda said: said["templates"]["follow-up"]["texts"].update(en=text))
        with pytest.raises(OutreachPolicyUnfit, match=lack):
            load_outreach_policy(path)

    def test_a_number_without_a_reason(self, tmp_path):
        with pytest.raises(OutreachPolicyUnfit, match=r"caps\.a_day\.reason"):
            load_outreach_policy(changed(tmp_path, lambda said: said["caps"]["a_day"].pop("reason")))

    def test_quiet_hours_by_day(self, tmp_path):
        def by_day(said):
            said["quiet_hours"].update(begin="08:00", end="21:00")

        with pytest.raises(OutreachPolicyUnfit, match="begin in the evening"):
            load_outreach_policy(changed(tmp_path, by_day))

    def test_a_zone_that_is_none(self, tmp_path):
        with pytest.raises(OutreachPolicyUnfit, match="IANA"):
            load_outreach_policy(changed(tmp_path, lambda said: said["defaults"].update(zone="Mars/Olympus")))

    def test_a_model_whose_message_is_sensitive(self, tmp_path):
        def sensitive(said):
            said["templates"]["follow-up"]["sensitivity"] = "sensitive"

        with pytest.raises(OutreachPolicyUnfit, match="plain"):
            load_outreach_policy(changed(tmp_path, sensitive))

    def test_a_template_without_the_default_language(self, tmp_path):
        with pytest.raises(OutreachPolicyUnfit, match="site-closed: no text in en"):
            load_outreach_policy(changed(tmp_path, lambda said: said["templates"]["site-closed"]["texts"].pop("en")))

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(OutreachPolicyUnfit, match="cannot be read"):
            load_outreach_policy(tmp_path / "none.yaml")

    def test_a_model_that_it_does_not_name(self, policy):
        with pytest.raises(NoOutreach):
            policy.of("another")


class TestSensitiveContent:
    @pytest.mark.parametrize(
        "text",
        [
            "Your RESULTS are in",
            "o resultado\nchegou",
            "I want to  die",
            "me siento mal, quiero MORIR",
            "biopsia",
            "can’t breathe",
            "her pregnancy",
        ],
    )
    def test_is_found_whatever_its_case_accents_and_breaks(self, policy, text):
        assert is_sensitive(text, policy.sensitive_words)

    @pytest.mark.parametrize(
        "text", ["", "Please bring your card", "We moved to the second floor", "See you on Friday"]
    )
    def test_is_not_seen_in_plain_words(self, policy, text):
        assert not is_sensitive(text, policy.sensitive_words)
