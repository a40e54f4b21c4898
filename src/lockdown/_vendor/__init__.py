"""Libraries taken in as source; README.md of this folder says which, from where, and what was changed."""
