"""The languages that a bot speaks: catalogues of texts, how they are read, and which are offered to people."""
