"""What `astral_core` offers to plugins, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import astral_core


def test_every_public_name_is_there_and_is_itself() -> None:
    """Each name of __all__ can be imported; the second time it is the same object."""
    for name in astral_core.__all__:
        assert getattr(astral_core, name) is getattr(astral_core, name)
    assert set(astral_core.__all__) <= set(dir(astral_core))


def test_a_name_that_is_not_public_is_refused_with_a_hint() -> None:
    """A typing error says where the public names stand."""
    with pytest.raises(AttributeError, match=r"no public name 'Contxt'; see astral_core\.__all__"):
        _ = astral_core.Contxt  # type: ignore[attr-defined]


def test_importing_the_package_loads_no_bot() -> None:
    """Workers of the pool and `astral --help` import the package without python-telegram-bot and SQLAlchemy."""
    code = (
        "import sys, astral_core.process_pool, astral_core.cli; "
        "print(*(sys.modules.keys() & {'telegram', 'sqlalchemy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.rest
def test_a_bot_on_sqlite_loads_no_more_than_it_needs() -> None:
    """Alembic is for migrations, asyncpg for PostgreSQL, templates and drawing for those who use them."""
    heavy = "{'alembic', 'asyncpg', 'jinja2', 'babel', 'numpy', 'skyfield', 'yookassa'}"
    code = f"import sys, astral_core.app, astral_core.cli.run; print(*(sys.modules.keys() & {heavy}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
