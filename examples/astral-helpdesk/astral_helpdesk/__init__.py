"""Astral plugin: people write to the bot, helpers answer in the topics of a group."""
