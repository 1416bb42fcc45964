import pytest
import yaml

from validation.policy import FOLDER, InvalidPolicy, UnknownPolicy, load_policy

MODELS = ("no-show", "readmission-risk")

EMPTY = [
    ("gates.accuracy.auc.value", 0.4),
    ("gates.accuracy.brier_skill", {}),
    ("gates.calibration.ece.value", 1.0),
    ("gates.bias.tpr_ratio.value", 0.0),
    ("gates.bias.tells_group.value", 1.0),
    ("gates.bias.spread.value", 1.0),
    ("gates.leakage.auc.value", 1.0),
    ("gates.leakage.identical_rows.value", 1.0),
    ("gates.leakage.rebuilt_rows.value", 0),
    ("gates.robustness.missing.value", 1.0),
    ("gates.robustness.step.value", 0.0),
    ("gates.robustness.reach.value", -1.0),
    ("gates.stability.seeds.value", 0),
    ("gates.stability.folds.value", 0),
    ("gates.stability.sites.value", 1),
    ("gates.champion.auc.value", -0.1),
    ("gates.privacy.k.value", 1),
    ("gates.privacy.rare_rows.value", 1),
    ("gates.serving.size_mb.value", 0.0),
    ("gates.usefulness.points.value", 1),
    ("gates.usefulness.effect.value", -0.4),
    ("gates.usefulness.thresholds.low", 0.0),
    ("gates.usefulness.thresholds.high", 1.0),
    ("bootstrap.replicates.value", 1),
    ("bootstrap.confidence.value", 0.0),
    ("bootstrap.max_rows.value", 1),
    ("groups.power.smallest_difference", 0.0),
    ("groups.power.base_rate", 1.0),
    ("groups.suppress_under.value", 1),
    ("groups.noise_draws.value", 0),
    ("decision.capacity.value", 1.0),
]


def numbers(part, path):
    """Yield where a limit is a number that need not be whole."""
    for name, item in part.items():
        if isinstance(item, dict):
            yield from numbers(item, f"{path}.{name}")
        elif isinstance(item, float):
            yield f"{path}.{name}"


@pytest.fixture
def changed(tmp_path):
    """Writes a changed copy of a policy and returns its folder."""

    def write(change, name="no-show"):
        content = yaml.safe_load((FOLDER / "no-show.yaml").read_text(encoding="utf-8"))
        change(content)
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
        return tmp_path

    return write


class TestAShippedPolicy:
    @pytest.mark.parametrize("model", MODELS)
    def test_loads_and_is_for_its_model(self, model):
        assert load_policy(model).model == model

    @pytest.mark.parametrize("model", MODELS)
    def test_gives_every_number_a_reason_and_who_may_change_it(self, model):
        def bare(part, path):
            if isinstance(part, dict):
                if {"value", "low", "high", "floor"} & part.keys() and "name" not in part:
                    yield from [] if {"reason", "changed_by"} <= part.keys() else [path]
                for key, item in part.items():
                    yield from bare(item, f"{path}.{key}")

        content = yaml.safe_load((FOLDER / f"{model}.yaml").read_text(encoding="utf-8"))
        assert list(bare(content, model)) == []

    def test_names_a_score_s_band(self):
        policy = load_policy("no-show")
        assert [policy.band(score) for score in (0.0, 0.0999, 0.1, 0.3, 1.0)] == [
            "low",
            "low",
            "medium",
            "high",
            "high",
        ]

    def test_allows_only_what_it_names(self):
        policy = load_policy("no-show")
        assert policy.allows("reminder")
        assert not policy.allows("overbooking")
        assert not policy.allows("anything-else")


class TestTheDigest:
    def test_changes_with_any_number(self, changed):
        def lower(content):
            content["gates"]["accuracy"]["auc"]["value"] = 0.69

        assert load_policy("no-show", changed(lower)).digest != load_policy("no-show").digest

    def test_is_that_of_the_content_not_of_its_layout(self, changed):
        assert load_policy("no-show", changed(lambda _: None)).digest == load_policy("no-show").digest


class TestAPolicyThatCannotBeUsed:
    @pytest.mark.parametrize(
        "change",
        [
            lambda content: content.update(surprise=1),
            lambda content: content["gates"]["accuracy"]["auc"].pop("reason"),
            lambda content: content["gates"]["accuracy"]["auc"].update(changed_by="anybody"),
            lambda content: content["gates"]["calibration"]["slope"].update(low=2.0),
            lambda content: content["bands"]["levels"].reverse(),
            lambda content: content["purposes"]["refused"].append(content["purposes"]["allowed"][0]),
        ],
        ids=["unknown-key", "no-reason", "unknown-role", "empty-range", "bands-fall", "allowed-and-refused"],
    )
    def test_is_refused_with_the_place_of_the_fault(self, changed, change):
        with pytest.raises(InvalidPolicy, match=r"validation/policies/no-show.yaml"):
            load_policy("no-show", changed(change))

    @pytest.mark.parametrize(("path", "value"), EMPTY, ids=[f"{path}={value}" for path, value in EMPTY])
    def test_is_refused_where_a_number_would_ask_for_nothing(self, changed, path, value):
        def change(content):
            *way, last = path.split(".")
            for name in way:
                content = content[name]
            content[last] = value

        with pytest.raises(InvalidPolicy, match=path.rpartition(".")[0]):
            load_policy("no-show", changed(change))

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_is_refused_where_any_number_is_none_or_has_no_end(self, changed, value):
        content = load_policy("no-show").model_dump(mode="json")
        for path in numbers(content["gates"], "gates"):

            def change(content, path=path):
                for name in path.split("."):
                    parent, content = content, content[name]
                parent[path.rpartition(".")[2]] = value

            with pytest.raises(InvalidPolicy):
                load_policy("no-show", changed(change))

    @pytest.mark.parametrize(
        "text", [" " * 20, "a reason\n\n## All gates passed", "a reason \u202edessap", "a reason\u2028and more of it"]
    )
    def test_is_refused_where_a_text_would_not_be_shown_as_it_stands(self, changed, text):
        with pytest.raises(InvalidPolicy, match="reason"):
            load_policy("no-show", changed(lambda content: content["gates"]["accuracy"]["auc"].update(reason=text)))

    def test_is_refused_if_it_is_for_another_model(self, changed):
        with pytest.raises(InvalidPolicy, match="no-show"):
            load_policy("other", changed(lambda _: None, name="other"))

    def test_is_refused_if_it_is_no_yaml(self, tmp_path):
        (tmp_path / "no-show.yaml").write_text("a: [", encoding="utf-8")
        with pytest.raises(InvalidPolicy, match="not YAML"):
            load_policy("no-show", tmp_path)

    def test_is_missed_by_name(self):
        with pytest.raises(UnknownPolicy, match="no-show"):
            load_policy("nothing")
