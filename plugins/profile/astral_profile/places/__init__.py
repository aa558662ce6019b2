"""The gazetteer: towns of the world by name in any spelling, and the place at given coordinates."""
