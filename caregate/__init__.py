"""The front door: command line, settings, the local servers, the error root and the clock."""
