"""The first plugin of the README: `python3 dev.py playground --plugin examples/hello.py`."""

from astral_core import Context, Routes, Update, hookimpl

routes = Routes()


@routes.callback("again/{n:int}")
async def again(update: Update, ctx: Context, n: int) -> None:
    ctx.edit(f"Pressed: {n}", buttons=[[ctx.button("Again", again, n=n + 1)]])


@routes.command("hello", description="Say hello")
async def hello(update: Update, ctx: Context) -> None:
    ctx.reply(f"Hello, {ctx.user.first_name}!", buttons=[[ctx.button("Again", again, n=1)]])


@hookimpl
def astral_routes() -> Routes:
    return routes
