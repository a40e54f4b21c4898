"""Bytes of a message to what they are made of: header fields, parts. Bounded, pure, never raises."""
