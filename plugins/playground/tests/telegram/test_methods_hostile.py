"""Whatever a bot sends, it gets an answer or a refusal in Telegram's form: no call breaks the emulator."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from astral_core.botapi.table import table
from astral_playground.telegram import acts_inline, acts_media, api, membership
from astral_playground.telegram.errors import ApiError
from astral_playground.telegram.groups import Group
from astral_playground.telegram.methods.made_up import MadeUp
from astral_playground.telegram.params import Params, Upload
from astral_playground.telegram.state import World

METHODS = sorted(set(table().methods) - {"getUpdates", "setWebhook"})
JUNK: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 40), 1 << 40) | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "id", "text", "media"]), inner)
    ),
    max_leaves=5,
)


def _world() -> tuple[World, Group]:
    """Anna's group, which the bot administers, with a poll and a sticker; an inline query that waits."""
    world = World()
    anna = world.add_user("Anna")
    acts_media.send_dice(world, anna)
    group = membership.add_group(world, "Hall", anna)
    membership.promote(world, group, world.bot.id, anna.id)
    acts_media.send_poll(world, anna, "?", ["a", "b"], room=group)
    world.post(group, "bot", {"text": "x"}, author=world.bot.id)
    acts_inline.inline_query(world, anna, "q")
    return world, group


async def _call(name: str, draw: st.DataObject) -> None:
    world, group = _world()
    made = MadeUp(world, Params(), name)
    params = Params(files={"file": Upload(b"\x1f\x8b", "a.tgs", "x/y")})
    known = {
        "chat_id": group.id, "from_chat_id": group.id, "user_id": 1001, "message_id": 2, "message_ids": [1, 2],
        "inline_query_id": next(iter(world.inline.queries)),
    }  # fmt: skip
    given: dict[str, Any] = {}
    for parameter, field in table().methods[name].parameters.items():
        match draw.draw(st.sampled_from(["right", "right", "none", "junk", "bent"])):
            case "right":
                given[parameter] = known.get(parameter, "attach://file" if "InputFile" in field.type else None)
                if given[parameter] is None and field.required:
                    given[parameter] = made.value(field.type, parameter)
            case "junk":
                given[parameter] = draw.draw(JUNK)
            case "bent":
                given[parameter] = _bent(made.value(field.type.replace("InputFile|", ""), parameter), draw)
    params.add_json(given)
    with contextlib.suppress(ApiError):  # a refusal is as good; anything else that is raised is not
        assert json.dumps(await api.call(world, name, params))
    assert world.calls[-1].ok or world.calls[-1].error_code in {400, 403, 409, 429}
    for room in (group.id, 1001):
        for message in world.messages[room].values():
            assert json.dumps(world.message_json(message))
    await world.close()


def _bent(value: Any, draw: st.DataObject) -> Any:
    """The right object with something wrong in one place."""
    if isinstance(value, dict) and value:
        name = draw.draw(st.sampled_from(sorted(value)))
        return {**value, name: _bent(value[name], draw)}
    if isinstance(value, list) and value:
        return [_bent(value[0], draw), *value[1:]]
    return draw.draw(JUNK)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(METHODS), st.data())
def test_no_call_breaks_the_emulator(name: str, data: st.DataObject) -> None:
    """Right, absent, senseless and nearly right values in any mixture; all messages can be told afterwards."""
    asyncio.run(_call(name, data))
