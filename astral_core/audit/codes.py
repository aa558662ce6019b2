"""Everything that `astral plugins check` can find, by the code that stays the same from version to version."""

from __future__ import annotations

CODES: dict[str, str] = {
    "plugin-missing": "No installed distribution has an entry point of this name.",
    "plugin-discovery": "The id is no allowed name, or two distributions call themselves so.",
    "plugin-compatibility": "The installed core is outside of the range that the plugin asks for.",
    "plugin-dependencies": "A plugin that it requires is missing or broken, or they require each other.",
    "package-core": "The distribution does not say for which versions of the core it was made.",
    "package-typed": "The package has no py.typed, so that type checkers ignore its annotations.",
    "package-syntax": "A file of the package cannot be parsed.",
    "import-failed": "The module cannot be imported without settings, token and database.",
    "import-network": "The import uses the network.",
    "import-database": "The import opens a database.",
    "import-prints": "The import writes to stdout, which belongs to commands with --json.",
    "hooks-wrong": "A hook is unknown, has another colour or arguments that it does not get.",
    "settings-wrong": "The owner's own settings do not fit the plugin's model.",
    "settings-unset": "Settings without a default are not set, so that the declarations could not be looked at.",
    "settings-extra": "The settings' model takes unknown keys, so that a misspelt one is not noticed.",
    "settings-description": "A setting has no description: the owner's example of astral.toml is made from them.",
    "declarations-wrong": "A declaration is wrong in itself: a name, a handler, a table, a hook that is missing.",
    "declarations-conflict": "The plugin claims what the core, or a plugin that it requires, has already.",
    "texts-missing": "A source text has no translation in one of the plugin's languages.",
    "texts-fuzzy": "A translation is marked as fuzzy and therefore not used.",
    "texts-stale": "A translation belongs to no source text any more.",
    "texts-placeholders": "A translation has other placeholders than its source text.",
    "texts-unreadable": "A catalogue cannot be read.",
    "migrations-unreadable": "The version files cannot be read, or do not form one chain.",
    "migrations-database": "The database that was given for the check cannot be used.",
    "migrations-failed": "The migrations do not lead from nothing to the newest version.",
    "migrations-drift": "The migrated tables are not those of the code.",
    "migrations-down": "A step cannot be taken back and done again.",
}
