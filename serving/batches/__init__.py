"""Files of records: scored in parts that a kill cannot undo, by the same assessment as over HTTP."""
