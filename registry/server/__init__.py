"""What runs inside of the MLflow server: the guarded store, the artifact store, the app."""
