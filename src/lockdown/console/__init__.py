"""The page for administrators: read-only, on loopback, without JavaScript and without anything from elsewhere."""
