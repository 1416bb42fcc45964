"""Suites made for a model: the rules that hold for any, once for each of its features, groups, strata and bands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from models.spec import Feature, ModelSpec
from validation.suites.rule import FOLDER, Layer, Rule, Suite, rule_of

OWN = FOLDER / "features"
"""Rules of one model's feature table, a file a model; a model without one is held against the others."""
_CHOOSING = ("kinds", "ending", "beginning")


def feature_suite(spec: ModelSpec) -> Suite:
    """Return the rules for the feature table of `spec`."""
    said = _said(FOLDER / "features.yaml")
    rules = (
        *map(rule_of, said["rules"]),
        *_for_features(said["each_feature"], spec.features),
        *_for_each(said["each_group"], spec.groups),
        *_for_each(said["each_stratum"], spec.strata),
        *map(rule_of, _own_rules(spec.name)),
    )
    return Suite(f"features of {spec.name}", said["sample_rows"]["value"], rules, Layer.FEATURE)


def prediction_suite(spec: ModelSpec, bands: Iterable[str]) -> Suite:
    """Return the rules for the scores of a model of `spec`, whose policy knows `bands`."""
    said = _said(FOLDER / "predictions.yaml")
    rules = (
        *map(rule_of, said["rules"]),
        *_for_each(said["each_band"], bands),
        *_for_features(said["each_feature"], spec.features),
    )
    return Suite(f"scores of {spec.name}", said["sample_rows"]["value"], rules, Layer.PREDICTION)


def _for_features(templates: Iterable[Mapping[str, Any]], features: Iterable[Feature]) -> Iterator[Rule]:
    chosen = list(features)
    for template in templates:
        yield from _for_each([template], [feature.name for feature in chosen if _concerns(template, feature)])


def _concerns(template: Mapping[str, Any], feature: Feature) -> bool:
    ending, beginning = tuple(template.get("ending", ("",))), tuple(template.get("beginning", ("",)))
    return (
        feature.kind.value in template["kinds"] and feature.name.endswith(ending) and feature.name.startswith(beginning)
    )


def _for_each(templates: Iterable[Mapping[str, Any]], names: Iterable[str]) -> Iterator[Rule]:
    chosen = list(names)
    for template in templates:
        said = {key: value for key, value in template.items() if key not in _CHOOSING}
        for name in chosen:
            yield rule_of({**said, "id": said["id"].format(name=name), "column": said["column"].format(name=name)})


def _own_rules(model: str) -> list[Mapping[str, Any]]:
    path = OWN / f"{model}.yaml"
    return list(_said(path)["rules"]) if path.is_file() else []


@lru_cache(maxsize=16)
def _said(path: Path) -> Mapping[str, Any]:
    said: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return said
