"""The pointwise engine: an Ibis expression compiled into Python that makes single rows out of the few related to them.

Training runs a model's expression on DuckDB over all rows. The service is asked for one row at a time, and an SQL
engine takes longer to begin than the row takes to make. Both run the one expression; what this engine does not know it
refuses when it compiles, and SQL answers instead.
"""

from models.pointwise.code import NotPointwise
from models.pointwise.program import Access, Program, Read, compile_rows

__all__ = ["Access", "NotPointwise", "Program", "Read", "compile_rows"]
