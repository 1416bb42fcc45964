"""The first door: sources, mapping to canonical tables, de-identification, snapshots."""
