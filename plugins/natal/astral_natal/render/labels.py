"""The words of a picture, in each language that it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from astral_natal.model import NODES, PLANETS, SIGNS, HouseSystem

ASPECTS = ("conjunction", "sextile", "square", "trine", "opposition")
ANGLES = ("ac", "dc", "mc", "ic")


@dataclass(frozen=True, slots=True)
class Labels:
    """All words that a picture may show.

    `title` stands where the picture has none of its own; `signs` is in the order of `SIGNS`; `angles` are the
    short marks on the wheel; `house_heading` heads the column of houses; `compass` is north, south, east,
    west. Templates: `enters` has {body}, {sign} and {time}, `houses` has {system}, `substituted` has {requested}
    and {system}.

    Raises:
        ValueError: a name is missing.
    """

    title: str
    bodies: Mapping[str, str]
    signs: tuple[str, ...]
    angles: Mapping[str, str]
    ascendant: str
    aspects: Mapping[str, str]
    body_heading: str
    sign_heading: str
    house_heading: str
    compass: tuple[str, str, str, str]
    houses: str
    house_systems: Mapping[str, str]
    substituted: str
    time_unknown: str
    enters: str

    def __post_init__(self) -> None:
        wanted = {
            "bodies": (*PLANETS, *NODES),
            "angles": ANGLES,
            "aspects": ASPECTS,
            "house_systems": tuple(HouseSystem),
        }
        for field, keys in wanted.items():
            missing = [key for key in keys if not getattr(self, field).get(key)]
            if missing:
                raise ValueError(f"picture labels: {field} lacks {', '.join(missing)}; give every name a text")
        if len(self.signs) != len(SIGNS):
            raise ValueError(f"picture labels: signs has {len(self.signs)} names; give all {len(SIGNS)}, Aries first")


ENGLISH = Labels(
    title="Natal chart",
    bodies={
        "sun": "Sun",
        "moon": "Moon",
        "mercury": "Mercury",
        "venus": "Venus",
        "mars": "Mars",
        "jupiter": "Jupiter",
        "saturn": "Saturn",
        "uranus": "Uranus",
        "neptune": "Neptune",
        "pluto": "Pluto",
        "true_node": "North Node",
        "mean_node": "North Node",
    },
    signs=(
        "Aries",
        "Taurus",
        "Gemini",
        "Cancer",
        "Leo",
        "Virgo",
        "Libra",
        "Scorpio",
        "Sagittarius",
        "Capricorn",
        "Aquarius",
        "Pisces",
    ),
    angles={"ac": "AC", "dc": "DC", "mc": "MC", "ic": "IC"},
    ascendant="Ascendant",
    aspects={
        "conjunction": "conjunction",
        "sextile": "sextile",
        "square": "square",
        "trine": "trine",
        "opposition": "opposition",
    },
    body_heading="planet",
    sign_heading="sign",
    house_heading="house",
    compass=("N", "S", "E", "W"),
    houses="{system} houses",
    house_systems={
        "placidus": "Placidus",
        "porphyry": "Porphyry",
        "whole_sign": "Whole sign",
        "equal": "Equal",
    },
    substituted="{requested} is undefined this near the pole: {system} houses stand in",
    time_unknown="Birth time unknown: shown without houses and Ascendant",
    enters="{body} enters {sign} at {time}",
)
RUSSIAN = Labels(
    title="Натальная карта",
    bodies={
        "sun": "Солнце",
        "moon": "Луна",
        "mercury": "Меркурий",
        "venus": "Венера",
        "mars": "Марс",
        "jupiter": "Юпитер",
        "saturn": "Сатурн",
        "uranus": "Уран",
        "neptune": "Нептун",
        "pluto": "Плутон",
        "true_node": "Сев. узел",
        "mean_node": "Сев. узел",
    },
    signs=(
        "Овен",
        "Телец",
        "Близнецы",
        "Рак",
        "Лев",
        "Дева",
        "Весы",
        "Скорпион",
        "Стрелец",
        "Козерог",
        "Водолей",
        "Рыбы",
    ),
    angles={"ac": "AC", "dc": "DC", "mc": "MC", "ic": "IC"},
    ascendant="Асцендент",
    aspects={
        "conjunction": "соединение",
        "sextile": "секстиль",
        "square": "квадрат",
        "trine": "трин",
        "opposition": "оппозиция",
    },
    body_heading="планета",
    sign_heading="знак",
    house_heading="дом",
    compass=("с. ш.", "ю. ш.", "в. д.", "з. д."),
    houses="дома: {system}",
    house_systems={
        "placidus": "Плацидус",
        "porphyry": "Порфирий",
        "whole_sign": "целые знаки",
        "equal": "равные",
    },
    substituted="{requested} не определён за полярным кругом, показаны дома: {system}",
    time_unknown="Время рождения неизвестно: карта без домов и асцендента",
    enters="{body} входит в знак «{sign}» в {time}",
)
LABELS = MappingProxyType({"en": ENGLISH, "ru": RUSSIAN})
