"""The judge of suspects: a storm of kills convicts nobody, a killer costs three processes, money is kept."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astral_core.inbox.suspects import Case, Verdict, judge

cases = st.builds(
    Case, tries=st.integers(0, 5), waited=st.booleans(), deaths=st.integers(0, 3), fresh=st.booleans(),
    company=st.booleans(), others=st.integers(0, 3),
)  # fmt: skip


@given(cases, st.booleans(), st.booleans())
def test_only_a_row_that_killed_in_a_calm_is_guilty(case: Case, express: bool, money: bool) -> None:
    """It was put off, killed at its last try, and no other process died while it waited once more."""
    found = judge(case, express=express, money=money)
    if found.verdict is Verdict.GUILTY:
        assert case.tries
        assert case.waited
        assert case.deaths
        assert not case.others
        assert not express
        assert not money
    assert found.verdict is not Verdict.DROP or express


@given(cases, st.booleans())
def test_a_row_runs_only_where_no_death_is_its_own(case: Case, express: bool) -> None:
    """And a last time only where no other process died of late."""
    verdict = judge(case, express=express, money=False).verdict
    assert verdict is not Verdict.RUN or not (case.deaths or case.tries)
    assert verdict is not Verdict.LAST or not (case.deaths or case.others)


def test_a_row_about_money_runs_once_an_hour() -> None:
    """After a death it waits for an hour, and then runs again, however often that happens."""
    assert judge(Case(tries=3, deaths=1), express=False, money=True) == (Verdict.WAIT, True)
    assert judge(Case(tries=4, waited=True), express=False, money=True).verdict is Verdict.LAST
    assert judge(Case(tries=4), express=False, money=True).verdict is Verdict.LAST  # it failed, and killed nobody


def test_who_ran_beside_others_runs_apart_before_it_is_put_off() -> None:
    """Once: two deaths are enough for everybody."""
    assert judge(Case(deaths=1, company=True), express=False, money=False) == (Verdict.APART, False)
    assert judge(Case(deaths=2, company=True), express=False, money=False) == (Verdict.WAIT, True)
    assert judge(Case(deaths=1), express=False, money=False) == (Verdict.WAIT, True)


@dataclass
class World:
    """One process after the other, by a clock of seconds; `delay` is that of the setting.

    A row takes `length` seconds, and the process dies at the end of it where the row is a killer.
    """

    delay: float
    length: float
    killer: bool
    now: float = 0.0
    deaths: list[tuple[float, bool]] = field(default_factory=list)  # when, and whether it ran the row as a suspect
    own: int = 0  # of these, since the evidence was thrown away
    tries: int = 0
    due: float | None = None
    killed: int = 0
    end: str = ""

    def turn(self, kills: list[float]) -> None:
        """What happens next to the row, which was begun when a process died."""
        lately = self.now - self.delay
        others = sum(at > lately for at, mine in self.deaths if not mine)
        waited = self.due is not None
        found = judge(Case(self.tries, waited, self.own, others=others), express=False, money=False)
        if found.void:
            self.own = 0
            self.deaths = [(at, False) for at, _ in self.deaths]
        if found.verdict in (Verdict.RUN, Verdict.LAST):
            self.due = None
            self.run(kills)
        elif found.verdict is Verdict.WAIT:
            self.tries += 1
            self.due = self.now + self.delay
            self.pass_until(self.due, kills)
        else:
            self.end = "dead"

    def run(self, kills: list[float]) -> None:
        """Run the row, unless a kill comes first."""
        ends = self.now + self.length
        kill = next((at for at in kills if self.now < at <= ends), None)
        if kill is None and not self.killer:
            self.now, self.end = ends, "done"
            return
        self.killed += kill is None
        self.now = ends if kill is None else kill
        self.deaths.append((self.now, True))
        self.own += 1

    def pass_until(self, moment: float, kills: list[float]) -> None:
        """Time passes; processes that do not run the row die meanwhile."""
        self.deaths += [(at, False) for at in kills if self.now < at <= moment]
        self.now = moment


@pytest.mark.parametrize("length", [0.05, 6.0, 30.0])
def test_five_hundred_kills_convict_no_innocent_row(length: float) -> None:
    """Kills at random for a while, then calm: the row is handled in the end, however long it takes. Many seeds."""
    for seed in range(200):
        drawn = random.Random(seed)  # noqa: S311  # it draws accidents, not secrets
        kills, at = [], 0.0
        for _ in range(500):
            at += drawn.expovariate(1 / 2.0)
            kills.append(at)
        world = World(60.0, length, killer=False)
        while not world.end:
            world.turn(kills)
        assert world.end == "done"


def test_a_killer_costs_two_processes_more_and_waits_twice() -> None:
    """The first death is the one that made it a suspect."""
    world = World(600.0, 0.1, killer=True)
    while not world.end:
        world.turn([])
    assert (world.end, world.killed, world.tries) == ("dead", 2, 2)
    assert 1200 < world.now < 1201


def test_several_killers_in_a_storm_are_found_when_it_is_calm() -> None:
    """Other deaths put the verdict off; when they end, the killer is convicted."""
    world = World(600.0, 0.1, killer=True)
    while not world.end:
        world.turn([float(at) for at in range(0, 3600, 30)])
    assert world.end == "dead"
    assert world.now > 3600
