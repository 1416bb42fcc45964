"""Groups of ICD-9-CM codes: the chapters, with what matters for coming back to hospital set apart.

The chapters follow Strack et al. 2014 (doi 10.1155/2014/781670), table 2; heart failure, kidney failure, lung disease,
sepsis, complications of care and the forms of diabetes stand for themselves because their rates of readmission differ.
"""

from __future__ import annotations

import polars as pl

WELL_FORMED = r"^([0-9]{1,3}|V[0-9]{1,2}|E[0-9]{1,3})(\.[0-9]{1,2})?$"

GROUPS: tuple[tuple[float, float, str], ...] = (
    (38, 38.99, "sepsis"),
    (1, 139.99, "infection"),
    (140, 239.99, "neoplasm"),
    (250.1, 250.39, "diabetes-acute"),
    (250.4, 250.99, "diabetes-complicated"),
    (250, 250.99, "diabetes"),
    (276, 276.99, "fluid-electrolyte"),
    (240, 279.99, "endocrine"),
    (280, 289.99, "blood"),
    (290, 319.99, "mental"),
    (320, 389.99, "nervous"),
    (401, 405.99, "hypertension"),
    (410, 410.99, "myocardial-infarction"),
    (411, 414.99, "ischaemic-heart"),
    (427, 427.99, "arrhythmia"),
    (428, 428.99, "heart-failure"),
    (430, 438.99, "cerebrovascular"),
    (440, 459.99, "vascular"),
    (390, 459.99, "circulatory"),
    (785, 785.99, "circulatory"),
    (480, 488.99, "pneumonia"),
    (490, 496.99, "chronic-lung"),
    (460, 519.99, "respiratory"),
    (786, 786.99, "respiratory"),
    (520, 579.99, "digestive"),
    (787, 787.99, "digestive"),
    (584, 586.99, "kidney-failure"),
    (580, 629.99, "genitourinary"),
    (788, 788.99, "genitourinary"),
    (630, 679.99, "pregnancy"),
    (680, 709.99, "skin"),
    (782, 782.99, "skin"),
    (710, 739.99, "musculoskeletal"),
    (780, 799.99, "symptoms"),
    (996, 999.99, "complication-of-care"),
    (800, 995.99, "injury"),
)
"""First match wins: lowest and highest code, and the group."""

REHABILITATION, SUPPLEMENTARY, EXTERNAL, OTHER = "rehabilitation", "supplementary", "external-cause", "other"
NAMES = frozenset({group for _, _, group in GROUPS} | {REHABILITATION, SUPPLEMENTARY, EXTERNAL, OTHER})


def well_formed(column: str) -> pl.Expr:
    """Tell where the text has the form of an ICD-9 code, leading zeros left out or not."""
    return pl.col(column).str.contains(WELL_FORMED)


def group_of(column: str) -> pl.Expr:
    """Return the group of each code, null where it is missing or has not the form of one."""
    code = pl.when(well_formed(column)).then(pl.col(column))
    number = code.cast(pl.Float64, strict=False)
    met = [pl.when(number.is_between(low, high)).then(pl.lit(group)) for low, high, group in GROUPS]
    letters = [
        pl.when(code.str.starts_with("V57")).then(pl.lit(REHABILITATION)),
        pl.when(code.str.starts_with("V")).then(pl.lit(SUPPLEMENTARY)),
        pl.when(code.str.starts_with("E")).then(pl.lit(EXTERNAL)),
    ]
    return pl.coalesce(*met, *letters, pl.when(code.is_not_null()).then(pl.lit(OTHER)))
