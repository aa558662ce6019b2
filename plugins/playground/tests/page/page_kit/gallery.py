"""A world in which there is something of everything that the page shows: for browser tests and for screenshots."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from astral_playground.telegram import acts_media, ballots, membership, pins, reacting, topics
from astral_playground.telegram.actions import send_text
from astral_playground.telegram.acts_media import Piece
from astral_playground.telegram.groups import Group
from astral_playground.telegram.records import Message, User
from astral_playground.telegram.state import World


def picture(width: int, height: int, hue: float) -> bytes:
    """A PNG with a soft sky of some hue and a hill."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            light = 0.55 + 0.45 * y / height
            hill = y > height * (0.72 + 0.12 * math.sin(x / width * 5 + hue * 9))
            shades = [0.5 + 0.5 * math.cos(6.283 * (hue + part / 3)) for part in range(3)]
            rows.extend(int(255 * min(1, (0.35 if hill else light) * (0.35 + 0.65 * shade))) for shade in shades)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(bytes(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tune(seconds: int) -> bytes:
    """A WAV file that a browser plays."""
    rate = 8000
    data = bytes(128 + int(40 * math.sin(6.283 * 330 * n / rate)) for n in range(rate * seconds))
    head = struct.pack(
        "<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 1, 1, rate, rate, 1, 8, b"data", len(data)
    )
    return head + data


@dataclass
class Gallery:
    """The people and chats of the world."""

    world: World
    anna: User
    ben: User
    zoya: User
    kirill: User
    quiz: Group
    friends: Group
    news: Group
    thread: int

    def say(self, who: User, text: str, room: Group, **where: Any) -> Message:
        """Somebody writes into a chat."""
        return send_text(self.world, who, text, room=room, **where)[0]

    def answer(self, room: Group | User, content: dict[str, Any], **fields: Any) -> Message:
        """The bot writes into a chat."""
        return self.world.post(room, "bot", content, **fields)


def build(world: World) -> Gallery:
    """People, a supergroup with topics, a basic group and a channel, all with messages of every kind."""
    world.bot.first_name = "Astral Bot"
    world.bot.up = True
    world.bot.commands[("all_group_chats", "")] = [{"command": "quiz", "description": "Начать викторину"}]
    people = [("Анна", "ru"), ("Ben", "en"), ("Зоя", "ru"), ("Кирилл", "ru")]
    anna, ben, zoya, kirill = (world.add_user(name, language_code=code, stars=500) for name, code in people)
    quiz = membership.add_group(world, "Вечер викторины", anna, forum=True)
    friends = membership.add_group(world, "Поход в субботу", ben, kind="group")
    news = membership.add_group(world, "Новости клуба", anna, kind="channel")
    for person in (ben, zoya, kirill):
        membership.join(world, quiz, person.id, anna.id)
    for person in (anna, zoya):
        membership.join(world, friends, person.id, ben.id)
    for person in (ben, zoya):
        membership.join(world, news, person.id)
    membership.promote(world, quiz, world.bot.id, anna.id)
    membership.promote(world, quiz, ben.id, anna.id, anonymous=True)
    membership.join(world, friends, world.bot.id, ben.id)
    topic = topics.create_by(world, quiz, anna, "Правила и вопросы", color=topics.COLORS[1])
    topics.create_by(world, quiz, anna, "Итоги", color=topics.COLORS[3])
    gallery = Gallery(world, anna, ben, zoya, kirill, quiz, friends, news, topic.id)
    _talk(gallery)
    _media(gallery)
    _channel(gallery)
    return gallery


def _talk(one: Gallery) -> None:
    world, quiz = one.world, one.quiz
    first = one.say(one.zoya, "Во сколько начинаем? Я могу после семи.", quiz)
    one.say(one.kirill, "Мне тоже удобнее вечером", quiz, reply_to=first.message_id)
    one.say(one.anna, "Тогда в 19:30 здесь же. /quiz", quiz)
    one.say(one.ben, "The group speaks: be on time 🙂", quiz)
    keys = [[{"text": "Земля", "callback_data": "1"}, {"text": "Марс", "callback_data": "2"}]]
    question = one.answer(
        quiz, {"text": "Вопрос 1 из 10. Какая планета третья от Солнца?"}, markup={"inline_keyboard": keys}
    )
    reacting.react(world, one.zoya, question, ["🔥"])
    reacting.react(world, one.kirill, question, ["🔥"])
    reacting.react(world, one.anna, question, ["👍"])
    one.say(one.kirill, "Где можно прочитать правила?", quiz, thread=one.thread)
    rules = one.answer(
        quiz, {"text": "Десять вопросов, на каждый 20 секунд. За верный ответ очко."}, thread=one.thread
    )
    pins.pin_by(world, quiz, one.anna, rules)
    poll = acts_media.send_poll(
        world, one.zoya, "Сколько команд?", ["Две", "Три", "Каждый за себя"], anonymous=False, room=quiz
    )
    ballots.vote(world, one.zoya, poll[0], [0])
    ballots.vote(world, one.kirill, poll[0], [2])
    ballots.vote(world, one.anna, poll[0], [2])
    trial = acts_media.send_poll(world, one.anna, "Столица Австралии?", ["Сидней", "Канберра"], correct=1, room=quiz)
    ballots.vote(world, one.kirill, trial[0], [0])
    ballots.vote(world, one.anna, trial[0], [1])
    acts_media.edit(world, one.anna, one.say(one.anna, "Победителю пирог", quiz), "Победителю яблочный пирог")


def _media(one: Gallery) -> None:
    world, room = one.world, one.friends
    one.say(one.ben, "Photos from the last trip", room)
    views = [Piece("photo", picture(96, 72 + 16 * n, n / 5), "Лучшее за день" if n == 0 else "") for n in range(5)]
    acts_media.send_album(world, one.zoya, views, room=room)
    acts_media.send_media(
        world, one.zoya, Piece("voice", tune(3), "", "v.wav", "audio/wav", {"duration": 3}), room=room
    )
    track = {"duration": 4, "title": "Дорога", "performer": "Хор клуба"}
    acts_media.send_media(world, one.ben, Piece("audio", tune(4), "", "road.wav", "audio/wav", track), room=room)
    sticker = acts_media.send_sticker(world, one.anna, picture(96, 96, 0.1), emoji="🎒", room=room)
    reacting.react(world, one.ben, sticker[0], ["❤"])
    acts_media.send_dice(world, one.ben, value=5, room=room)
    acts_media.send_venue(world, one.anna, 55.75, 37.62, "Кафе у вокзала", "Площадь, 1", room=room)
    acts_media.send_media(
        world, one.zoya, Piece("document", b"%PDF-1.4", "Карта маршрута", "route.pdf", "application/pdf"), room=room
    )
    acts_media.send_video_note(world, one.ben, b"no film", duration=7, room=room)
    tasks = [
        {"id": 1, "text": "Палатка", "completion_date": world.now},
        {"id": 2, "text": "Котелок"},
        {"id": 3, "text": "Спички"},
    ]
    one.answer(room, {"checklist": {"title": "Взять с собой", "tasks": tasks}})
    one.say(one.anna, "Отлично!", room)


def _channel(one: Gallery) -> None:
    world, news = one.world, one.news
    post = one.say(one.anna, "В субботу викторина: десять вопросов о планетах и пирог победителю.", news)
    for person, emoji in ((one.ben, "👍"), (one.zoya, "🎉")):
        reacting.react(world, person, post, [emoji])
    acts_media.forward(world, one.anna, post, room=one.friends)
    acts_media.send_media(world, one.anna, Piece("photo", picture(112, 70, 0.62), "Место встречи"), room=news)
    send_text(world, one.anna, "/start")
    one.answer(one.anna, {"text": "Здравствуйте, Анна! Позовите меня в группу, и начнём викторину."})
