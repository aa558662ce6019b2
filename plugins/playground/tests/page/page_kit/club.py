"""One page over the gallery's world, and a bot that answers inline queries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import aiohttp
from playwright.async_api import Page

from .gallery import Gallery

RESULTS = [("a", "Викторина о планетах", "Десять вопросов"), ("b", "Быстрая", "Один вопрос")]


async def answer_inline(base: str, token: str) -> None:
    """A bot that offers two results to every inline query, and hears messages and presses."""
    async with aiohttp.ClientSession() as session:
        offset = 0
        while True:
            kinds = ["message", "inline_query", "callback_query", "poll_answer", "message_reaction"]
            body = {"offset": offset, "timeout": 20, "allowed_updates": kinds}
            async with session.post(f"{base}/bot{token}/getUpdates", json=body) as answer:
                updates = (await answer.json())["result"]
            for update in updates:
                offset = update["update_id"] + 1
                if query := update.get("inline_query"):
                    results = [
                        {"type": "article", "id": one, "title": title, "description": words,
                         "input_message_content": {"message_text": f"{title}: начали!"}}
                        for one, title, words in RESULTS if query["query"].lower() in title.lower()
                    ]  # fmt: skip
                    offer = {"inline_query_id": query["id"], "results": results}
                    await session.post(f"{base}/bot{token}/answerInlineQuery", json=offer)


@dataclass
class Club:
    """The gallery's world behind a server, and one page that all tests share."""

    base: str
    gallery: Gallery
    page: Page
    errors: list[str] = field(default_factory=list)

    async def open(self, user: int, chat: int | None, *, width: int = 1300, height: int = 800) -> Page:
        """The page as somebody sees a chat; at phone width without the inspector."""
        await self.page.set_viewport_size({"width": width, "height": height})
        where = "" if chat is None else f"&chat={chat}"
        await self.page.goto(f"{self.base}/?user={user}{where}")
        await self.page.locator("#chats [aria-current]").wait_for(state="attached")
        return self.page

    def row(self, text: str) -> Any:
        """The newest message with this text."""
        said = self.page.locator(".text, .chip, .poll", has_text=text)
        return self.page.locator("#messages article", has=said).last
