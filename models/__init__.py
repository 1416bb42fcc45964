"""What is predicted, from what, and how it is fitted: specs, features as Ibis expressions, training, explanation."""

import os

# XGBoost's threads otherwise spin while they wait for each other: beside one other busy process a fit took five times
# as long. It has to be said before the library is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
