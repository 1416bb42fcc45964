"""One file a Prefect flow; a flow calls a service function per task and holds no rule of its own."""
