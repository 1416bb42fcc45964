"""What touches MLflow: registering, the sign-off, promotion, suspension."""

import os

# MLflow decides at its import whether it reports home and how much it tells; nothing leaves this machine.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
