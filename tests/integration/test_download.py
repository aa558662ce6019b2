"""`ctx.download`: what people send, as bytes or as a file, within a limit, and never half."""

from __future__ import annotations

from collections.abc import Callable
from gettext import NullTranslations
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from astral_core import GROUP, PRIVATE, Context, Plugin
from astral_core.bot.download import Downloads, Wanted, wanted
from astral_core.bot.transport import Transport
from astral_core.errors import FileGone, FileTooLarge, HandlerError, TelegramRefused, TelegramUnavailable
from astral_core.host.state import LoadedPlugin
from astral_core.i18n import Texts
from astral_playground.testkit.bot import bot_kit

MakePlugin = Callable[..., LoadedPlugin]
PNG = (Path(__file__).parents[2] / "docs/images/playground.png").read_bytes()
DATA = bytes(range(256)) * 4096  # more than one piece


@pytest.fixture
def found() -> list[Any]:
    """What the plugin has loaded."""
    return []


@pytest.fixture
def plugins(make_plugin: MakePlugin, found: list[Any], tmp_path: Path) -> list[LoadedPlugin]:
    """Loads whatever is sent: photos and voices as bytes, documents into a folder, and says what came of it."""
    plugin = Plugin()

    @plugin.message("photo", "voice", "sticker", chat=PRIVATE | GROUP)
    async def media(ctx: Context) -> None:
        found.append(await ctx.download(max_bytes=len(PNG)))
        ctx.reply("got it")

    @plugin.message("document", "video")
    async def document(ctx: Context) -> None:
        path = await ctx.download(ctx.message.document or ctx.message.video, tmp_path / "files")
        found.append(path)
        ctx.reply("stored")

    @plugin.command("again")
    async def again(ctx: Context) -> None:
        found.append(await ctx.download(ctx.args, to=tmp_path / "files" / "again.bin"))
        ctx.reply("stored")

    @plugin.callback("under", chat=PRIVATE)
    async def under(ctx: Context) -> None:
        found.append(await ctx.download())

    @plugin.command("offer")
    async def offer(ctx: Context) -> None:
        ctx.send_photo(PNG, "look", [[ctx.button("Load", under())]])

    (tmp_path / "files").mkdir()
    return [make_plugin("loads", plugin)]


async def test_what_is_sent_is_loaded_as_bytes(
    database_url: str, plugins: list[LoadedPlugin], found: list[Any]
) -> None:
    """The handled message's file: of a photo its largest size, in a group too, and that under a pressed button."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send_photo(PNG)
        await anna.send_voice(b"OggS said")
        await anna.send("/offer")
        await anna.tap("Load")
        group = kit.group("Stars", admins=[anna], privacy=False)
        await group.send_photo(anna, PNG)
        assert found == [PNG, b"OggS said", PNG, PNG]


async def test_a_file_is_stored_whole_and_under_a_name_of_telegrams(
    database_url: str, plugins: list[LoadedPlugin], found: list[Any], tmp_path: Path
) -> None:
    """What its sender called it is no path; a file_id and a path of one's own do as well; nothing else is left."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        sent = await anna.send_document(DATA, "../../evil.t$xt")
        (path,) = found
        assert path.parent == tmp_path / "files"
        assert path.suffix == ".txt"
        assert "evil" not in path.name
        assert path.read_bytes() == DATA
        await anna.send(f"/again {sent.content['document']['file_id']}")
        assert found[1] == tmp_path / "files" / "again.bin"
        assert found[1].read_bytes() == DATA
        assert len(files_in(tmp_path / "files")) == 2


async def test_a_file_that_is_too_large_is_refused_politely(
    database_url: str, plugins: list[LoadedPlugin], found: list[Any]
) -> None:
    """By what the message says of its size; who sent it reads the limit, and nothing is tried again."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna, vera = kit.chat("Anna"), kit.chat("Вера", language_code="ru")
        await anna.send_voice(b"x" * (len(PNG) + 1))
        await vera.send_voice(b"x" * (len(PNG) + 1))
        assert found == []
        assert kit.calls("getFile") == []
        size = len(PNG) // 1024
        assert anna.texts == [
            f"That file is too large for me: I can take up to {size} KB. Please send a smaller one."
        ]
        assert (
            vera.last.text == f"Файл слишком большой: я принимаю файлы до {size} КБ. Пришлите, пожалуйста, поменьше."
        )


async def test_a_file_that_telegram_gives_out_no_more_is_asked_for_again(
    database_url: str, plugins: list[LoadedPlugin], found: list[Any]
) -> None:
    """A wrong file_id, and a file that is not there when it is loaded."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        await anna.send("/again nonsense")
        await anna.send_voice(b"OggS")
        kit.telegram.world.faults.add("getFile", "400", description="Bad Request: file is too big")
        await anna.send_voice(b"OggS")
        assert anna.texts[0] == "I cannot get that file from Telegram any more. Please send it once again."
        assert anna.texts[1] == "got it"
        assert anna.texts[2].startswith("That file is too large for me")
        assert found == [b"OggS"]


async def test_a_telegram_that_is_away_is_waited_for(
    database_url: str, plugins: list[LoadedPlugin], found: list[Any]
) -> None:
    """As for every other call: the person reads no apology."""
    async with bot_kit(database_url, plugins=plugins) as kit:
        anna = kit.chat("Anna")
        kit.telegram.world.faults.add("getFile", "500")
        await anna.send_voice(b"OggS")
        assert (found, anna.texts) == ([b"OggS"], ["got it"])


# --- the server's side, played here


class Served:
    """A Bot API server that answers as the test says."""

    def __init__(self) -> None:
        self.path: Any = "documents/file_1.txt"
        self.size: Any = None
        self.body = b"hello"
        self.length: int | None = None  # what it says, if that is not true
        self.status = 200
        self.asked: list[str] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request."""
        self.asked.append(request.path)
        if request.path.endswith("/getFile"):
            result = {"file_id": "f", "file_unique_id": "../u", "file_path": self.path, "file_size": self.size}
            return web.json_response({"ok": True, "result": {k: v for k, v in result.items() if v is not None}})
        if self.status != 200:
            return web.Response(status=self.status)
        response = web.StreamResponse()
        if self.length is not None:
            response.content_length = self.length
        await response.prepare(request)
        await response.write(self.body)
        if self.length is not None and request.transport is not None:
            request.transport.close()
        return response


@pytest.fixture
async def served() -> Any:
    """A server and a transport to it."""
    made = Served()
    runner = web.ServerRunner(web.Server(made.handle))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    transport = Transport(f"http://127.0.0.1:{runner.addresses[0][1]}", "1:token")
    yield made, transport
    await transport.close()
    await runner.cleanup()


def files_in(folder: Path) -> dict[str, bytes]:
    """What lies in a folder."""
    return {one.name: one.read_bytes() for one in folder.iterdir()}


def downloads(transport: Transport, limit: int = 1000, *, local: bool = False) -> Any:
    """Downloads of a handler."""
    return Downloads(transport, Texts(NullTranslations(), "en"), limit, local)


async def test_a_size_that_nobody_told_is_found_out_on_the_way(served: Any, tmp_path: Path) -> None:
    """No more is kept than the limit, and no half of a file stays."""
    server, transport = served
    server.body = b"x" * 5000
    with pytest.raises(FileTooLarge) as error:
        await downloads(transport).save(Wanted("f"), tmp_path / "file")
    assert error.value.limit == 1000
    assert files_in(tmp_path) == {}


@pytest.mark.parametrize(
    ("status", "kind"), [(404, FileGone), (500, TelegramUnavailable), (502, TelegramUnavailable)]
)
async def test_what_the_server_says_instead_of_the_file(served: Any, status: int, kind: type[Exception]) -> None:
    """Gone, or away; no error names the address, which holds the token."""
    server, transport = served
    server.status = status
    with pytest.raises(kind) as error:
        await downloads(transport).content(Wanted("f"))
    assert "token" not in f"{error.value!r} {error.value}"


async def test_a_connection_that_breaks_leaves_nothing(served: Any, tmp_path: Path) -> None:
    """Half a file is none: it is tried again as a whole, and what was there before stays until then."""
    server, transport = served
    server.length = 900
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(TelegramUnavailable):
        await downloads(transport).save(Wanted("f"), tmp_path / "file")
    assert files_in(tmp_path) == {"file": b"old"}
    server.length = None
    assert await downloads(transport).save(Wanted("f"), tmp_path / "file") == tmp_path / "file"
    assert files_in(tmp_path) == {"file": b"hello"}


@pytest.mark.parametrize("path", ["../../bot1:other/getMe", "a//b", "./x", "documents/../../x"])
async def test_a_path_that_leads_elsewhere_is_not_asked_for(served: Any, path: str) -> None:
    """What the server says is no way to other addresses of the same host."""
    server, transport = served
    server.path = path
    with pytest.raises(TelegramRefused, match="leads elsewhere"):
        await downloads(transport).content(Wanted("f"))
    assert [one.rpartition("/")[2] for one in server.asked] == ["getFile"]


async def test_an_own_server_puts_files_on_its_disk(served: Any, tmp_path: Path) -> None:
    """With --local, getFile gives an absolute path: it is read there, within the same limit."""
    server, transport = served
    stored = tmp_path / "1:token" / "documents" / "file_0.pdf"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"y" * 900)
    server.path = str(stored)
    to = tmp_path / "out"
    to.mkdir()
    path = await downloads(transport, local=True).save(Wanted("f"), to)
    assert (path, path.read_bytes()) == (to / "u.pdf", b"y" * 900)
    with pytest.raises(FileTooLarge):
        await downloads(transport, 899, local=True).content(Wanted("f"))
    stored.unlink()
    with pytest.raises(HandlerError, match="Fix: run both on one machine") as error:
        await downloads(transport, local=True).content(Wanted("f"))
    assert "token" not in str(error.value)
    assert server.asked == [server.asked[0]] * 3  # nothing but getFile


async def test_a_file_of_this_disk_is_read_only_for_a_server_of_ones_own(served: Any, tmp_path: Path) -> None:
    """An answer of Telegram's names no file here; the error says which setting is missing."""
    server, transport = served
    server.path = str(tmp_path / "secret")
    (tmp_path / "secret").write_bytes(b"secret")
    with pytest.raises(HandlerError, match=r"Fix: set telegram\.local_server"):
        await downloads(transport).content(Wanted("f"))


@pytest.mark.parametrize("file", [None, 5, b"x", "", [], object()])
async def test_what_is_no_file_says_so(file: Any) -> None:
    """Before Telegram is asked."""
    with pytest.raises(HandlerError, match=r"is no file\. Fix: give a file_id"):
        wanted(file)
