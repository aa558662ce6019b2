"""Tools for translators: which texts a plugin has, files for their translation, and what these still lack."""
