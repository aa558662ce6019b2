"""The first plugin of the README: `python3 dev.py playground --plugin examples/hello.py`."""

from astral_core import Context, Plugin

plugin = Plugin()


@plugin.callback("again/{n:int}")
async def again(ctx: Context, n: int) -> None:
    ctx.edit(f"Pressed: {n}", buttons=[[ctx.button("Again", again(n=n + 1))]])


@plugin.command("hello", description="Say hello")
async def hello(ctx: Context) -> None:
    ctx.reply(f"Hello, {ctx.user.first_name}!", buttons=[[ctx.button("Again", again(n=1))]])
