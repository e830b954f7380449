"""seedlm_decoder between an AXI4-Stream source and sink that somebody else has written."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, with_timeout
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

from words import Format, describe_difference, expected_group

FORMAT = Format.of_preset(os.environ["SEEDLM_PRESET"])
BEAT_BITS = 512
CLOCK_NS = 10

Group = list[int]


def beats_of(groups: list[Group]) -> list[int]:
    """The words of the groups as one bit stream, filled up to whole beats with zero bits."""
    stream = count = 0
    for word in (word for group in groups for word in group):
        stream |= word << (count * FORMAT.word_bits)
        count += 1
    beats = -(-count * FORMAT.word_bits // BEAT_BITS)
    return [(stream >> (n * BEAT_BITS)) % 2**BEAT_BITS for n in range(beats)]


def random_groups(count: int, rng: random.Random) -> list[Group]:
    return [[FORMAT.random_word(rng) for _ in range(FORMAT.lanes)] for _ in range(count)]


def corner_groups(rng: random.Random) -> list[Group]:
    """All corner words, each in some lane; the last group is filled up with padding words."""
    words = FORMAT.corner_words()
    rng.shuffle(words)
    words += [0] * (-len(words) % FORMAT.lanes)
    return [words[at : at + FORMAT.lanes] for at in range(0, len(words), FORMAT.lanes)]


def pauses(rng: random.Random) -> Iterator[bool]:
    """Pauses of every kind: none, short ones, long ones, and a few beats now and then."""
    while True:
        pausing = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for _ in range(rng.randrange(1, 40)):
            yield rng.random() < pausing


class Bench:
    """The decoder with its source and sink. One item of a frame is one whole beat."""

    def __init__(self, dut, name: str) -> None:
        self.dut = dut
        self.name = name
        self.rng = random.Random(f"{FORMAT.name} {name}")
        self.words = 0
        cocotb.start_soon(Clock(dut.clk, CLOCK_NS, unit="ns").start())
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.clk, dut.rst, byte_lanes=1)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.clk, dut.rst, byte_lanes=1)
        # It warns of every stream that a reset cuts short, with all its beats.
        self.source.log.setLevel(logging.ERROR)
        self.holding = cocotb.start_soon(self.check_that_output_holds())

    @staticmethod
    async def started(dut, name: str, pausing: bool) -> "Bench":
        bench = Bench(dut, name)
        assert len(dut.s_axis_tdata) == BEAT_BITS
        assert len(dut.m_axis_tdata) == FORMAT.lanes * FORMAT.weights_per_word * FORMAT.field_bits
        assert len(dut.m_axis_tuser) == FORMAT.lanes * FORMAT.exponent_bits
        await bench.reset(4)
        if pausing:
            for side in (bench.source, bench.sink):
                side.set_pause_generator(pauses(random.Random(bench.rng.getrandbits(64))))
        return bench

    async def reset(self, cycles: int) -> None:
        """Resets the decoder, and forgets what the source was still to send and the sink has got."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, cycles)
        self.source.clear()
        self.sink.clear()
        self.dut.rst.value = 0

    async def check_that_output_holds(self) -> None:
        """What is offered and not taken must still be offered in the next cycle, unchanged."""
        offered = None
        while True:
            # In the middle of a cycle all signals have settled, and nothing changes before the next rising edge.
            await FallingEdge(self.dut.clk)
            if self.dut.rst.value == 1:
                offered = None
                continue
            now = None
            if self.dut.m_axis_tvalid.value == 1:
                now = (self.dut.m_axis_tdata.value, self.dut.m_axis_tuser.value, self.dut.m_axis_tlast.value)
            assert offered is None or now == offered, "the output changed before it was taken"
            offered = now if self.dut.m_axis_tready.value == 0 else None

    def send(self, groups: list[Group]) -> None:
        self.source.send_nowait(AxiStreamFrame(beats_of(groups)))

    async def receive(self) -> AxiStreamFrame:
        return await with_timeout(self.sink.recv(compact=False), 400, "us")

    async def expect(self, groups: list[Group]) -> AxiStreamFrame:
        """Receives a frame, which must hold just these groups."""
        frame = await self.receive()
        self.check(frame.tdata, frame.tuser, groups)
        return frame

    def check(self, data: list[int], user: list[int], groups: list[Group]) -> None:
        assert len(data) == len(groups), f"{len(data)} groups up to tlast, expected {len(groups)}"
        for number, (tdata, tuser, group) in enumerate(zip(data, user, groups, strict=True)):
            if (tdata, tuser) != expected_group(FORMAT, group):
                raise AssertionError(f"group {number}: {describe_difference(FORMAT, group, tdata, tuser)}")
            self.words += len(group)

    async def finish(self) -> None:
        """Nothing more may come."""
        self.sink.set_pause_generator(None)
        self.sink.pause = False
        await ClockCycles(self.dut.clk, 50)
        assert self.sink.empty() and self.sink.idle(), "there is more output than there was input"
        if self.holding.done():
            self.holding.result()
        print(f"{FORMAT.name}, {self.name}: checked {self.words} words", flush=True)


@cocotb.test()
async def streams_decode_in_spite_of_pauses(dut) -> None:
    bench = await Bench.started(dut, "pauses", pausing=True)
    rng = bench.rng
    streams = [corner_groups(rng)]
    # Every length of a stream from one group on: streams end at every place of a beat.
    streams += [random_groups(count, rng) for count in range(1, 20)]
    # Groups of padding words are groups like all others, at the end of a stream too.
    padding = [[0] * FORMAT.lanes]
    streams += [padding, random_groups(3, rng) + 2 * padding, padding + random_groups(1, rng)]
    rng.shuffle(streams)
    for groups in streams:
        bench.send(groups)
    for groups in streams:
        await bench.expect(groups)
    await bench.finish()


@cocotb.test()
async def without_pauses_no_cycle_is_lost(dut) -> None:
    bench = await Bench.started(dut, "speed", pausing=False)
    groups = random_groups(72, bench.rng)
    bench.send(groups)
    frame = await bench.expect(groups)
    cycles = round((frame.sim_time_end - frame.sim_time_start) / (CLOCK_NS * 1000)) + 1
    # The input takes a cycle for each beat, the output one for each group.
    fewest = max(len(groups), len(beats_of(groups)) - -(-FORMAT.group_bits // BEAT_BITS) + 1)
    assert cycles == fewest, f"{cycles} cycles from the first group to the last, expected {fewest}"
    await bench.finish()


@cocotb.test()
async def malformed_streams_end_with_themselves(dut) -> None:
    """A stream whose last beat completes no group is malformed.

    Its last words are lost, and it ends without tlast. Nothing of the next stream is lost.
    """
    bench = await Bench.started(dut, "malformed", pausing=True)
    rng = bench.rng
    whole = [n * BEAT_BITS // FORMAT.group_bits for n in range(40)]
    lengths = [n for n in range(1, 40) if whole[n] == whole[n - 1]]
    # Where groups are no longer than beats, every beat completes a group.
    assert bool(lengths) == (FORMAT.group_bits > BEAT_BITS)
    # The short ones several times, so that some last beats come while the last whole group still waits.
    for length in lengths + 12 * lengths[:2]:
        malformed = random_groups(whole[length] + 1, rng)
        beats = beats_of(malformed)[:length]
        assert len(beats) == length
        whole_groups = malformed[: whole[length]]
        following = random_groups(rng.randrange(1, 12), rng)
        bench.source.send_nowait(AxiStreamFrame(beats))
        bench.send(following)
        # No group of the malformed stream has tlast: the sink gets it and the next stream as one frame.
        await bench.expect(whole_groups + following)
    groups = random_groups(9, rng)
    bench.send(groups)
    await bench.expect(groups)
    await bench.finish()


@cocotb.test()
async def a_reset_in_the_middle_leaves_nothing_behind(dut) -> None:
    bench = await Bench.started(dut, "reset", pausing=True)
    rng = bench.rng
    for _ in range(12):
        # So many that the source is still sending, and groups are at every place on the way, when the reset comes.
        streams = [random_groups(count, rng) for count in (5, 20, 20, 20)]
        for groups in streams:
            bench.send(groups)
        await ClockCycles(dut.clk, rng.randrange(1, 45))
        assert not bench.source.idle()
        # What came out until then is right.
        for groups in streams[: bench.sink.count()]:
            await bench.expect(groups)
        await bench.reset(rng.randrange(1, 4))
        groups = random_groups(rng.randrange(1, 6), rng)
        bench.send(groups)
        await bench.expect(groups)
    await bench.finish()
