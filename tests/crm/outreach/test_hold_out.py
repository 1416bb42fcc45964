"""The hold-out arm is drawn by a secret, the same for a patient whenever it is asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crm.outreach.effect import Counts, effect
from crm.outreach.hold_out import Arm, arm_of

KEY, ANOTHER = b"k" * 32, b"a" * 32
TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=16, max_size=16)


class TestTheDraw:
    @given(TOKENS, st.floats(0, 1), st.floats(0, 1))
    def test_is_stable_and_grows_with_the_share(self, token, one, another):
        low, high = sorted((one, another))
        assert arm_of(token, "no-show", low, KEY) is arm_of(token, "no-show", low, KEY)
        if arm_of(token, "no-show", low, KEY) is Arm.HELD_OUT:
            assert arm_of(token, "no-show", high, KEY) is Arm.HELD_OUT

    @given(TOKENS)
    def test_holds_nobody_out_where_the_share_is_none(self, token):
        assert arm_of(token, "readmission-risk", 0.0, KEY) is Arm.CONTACT

    def test_has_the_share_and_is_another_by_another_key_or_model(self):
        tokens = [f"token-{number}" for number in range(4000)]
        drawn = [arm_of(token, "no-show", 0.1, KEY) for token in tokens]
        assert 320 <= drawn.count(Arm.HELD_OUT) <= 480
        assert drawn != [arm_of(token, "no-show", 0.1, ANOTHER) for token in tokens]
        assert drawn != [arm_of(token, "readmission-risk", 0.1, KEY) for token in tokens]


class TestTheEffect:
    def test_has_newcombes_bounds(self):
        found = effect(Counts(70, 56), Counts(80, 48), 0.95, least=11)  # Newcombe 1998, table II, example (a)
        assert (round(found.difference, 4), round(found.low, 4), round(found.high, 4)) == (0.2, 0.0524, 0.3339)

    def test_cannot_be_told_of_few(self):
        assert effect(Counts(500, 50), Counts(10, 5), 0.95, least=11) is None

    @given(st.integers(11, 500), st.integers(11, 500), st.data())
    def test_lies_within_its_bounds(self, first, second, data):
        arms = [Counts(n, data.draw(st.integers(0, n))) for n in (first, second)]
        found = effect(*arms, 0.95, least=11)
        assert -1 <= found.low <= found.difference + 1e-12
        assert found.difference - 1e-12 <= found.high <= 1
