"""A shop, described in TOML, to a bundle."""
