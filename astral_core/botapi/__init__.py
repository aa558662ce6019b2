"""The Bot API as data: every method and type of one version, and what follows from it."""
