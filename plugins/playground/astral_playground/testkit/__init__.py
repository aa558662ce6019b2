"""Parts for tests of bots and plugins; the fixtures over them are in ``astral_playground.pytest_plugin``."""
