"""Evidence on the quality of content: Great Expectations suites with severities. Shape and types are the contracts'."""
