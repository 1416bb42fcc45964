"""Messengers: by what people are told. A small protocol, e-mail and webhook, chosen by the settings."""
