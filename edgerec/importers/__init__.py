"""Models from other frameworks, checked against their source."""
