"""The nouns of the house: frozen values that travel between rooms, engine and faces. Standard library only."""
