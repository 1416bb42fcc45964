"""What operators see of the service: metrics, logs and traces, with no value of a record in them."""
