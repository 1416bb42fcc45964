"""Contracts, suites, policies and gates: what data and models have to hold before a person is asked."""
