"""The features that ship with the sample are those it has."""

import re

import numpy as np
from layers import ROOT
from tabular.features import GROUPS, derive
from toolkit.tables.tracing import trace

RATES = {"carrier_late_rate": np.array([0.5, np.nan]), "origin_late_rate": np.array([0.4, 0.1])}


def test_a_group_names_columns_of_the_query():
    query = (ROOT / "template" / "{{ tabular }}" / "sql" / "training.sql").read_text("utf-8")
    # A typing error would leave the column out of its group without a word.
    assert set().union(*GROUPS.values()) <= {*re.findall(r"\w+", query), *derive(RATES)}


def test_the_interaction_is_a_product_and_needs_both_columns():
    np.testing.assert_array_equal(derive(RATES)["carrier_rate_by_origin"], [0.2, np.nan])
    assert [*derive({"origin_late_rate": RATES["origin_late_rate"]})] == ["missing_fields"]


def test_the_interaction_is_a_step_that_needs_no_numpy():
    assert "carrier_rate_by_origin" in trace(derive, dict.fromkeys(RATES, "number"))
