"""Performs the scripts of package walltest, as a plain and as an async function."""
import asyncio
import os
import signal
import sys
import threading
import time

import ganger

OUT = 3 if os.environ.get("CALL_PAIR") else 4
UNITS = {"ms": 0.001, "h": 3600, "s": 1}


def seconds(text):
    unit = next(u for u in UNITS if text.endswith(u))
    return float(text[: -len(unit)]) * UNITS[unit]


def perform(script):
    for verb, arg in steps(script):
        if verb == "sleep":
            time.sleep(seconds(arg))
        elif verb == "deaf":
            deaf(arg)
        else:
            value = simple(verb, arg)
    return value


async def aperform(script):
    for verb, arg in steps(script):
        if verb == "sleep":
            await asyncio.sleep(seconds(arg))
        elif verb == "gather":
            value = await gather(int(arg))
        elif verb == "deaf" and arg == "3s":  # as deaf as an async function can be with others beside it
            await adeaf(arg)
        else:
            value = deaf(arg) if verb == "deaf" else simple(verb, arg)
    return value


def steps(script):
    for step in script.split(";"):
        verb, _, arg = step.strip().partition(" ")
        yield verb, arg


def deaf(arg):
    until = time.monotonic() + seconds(arg)
    while time.monotonic() < until:
        try:
            time.sleep(until - time.monotonic())
        except (KeyboardInterrupt, ValueError):
            pass


async def adeaf(arg):
    until = time.monotonic() + seconds(arg)
    while time.monotonic() < until:
        try:
            await asyncio.sleep(until - time.monotonic())
        except asyncio.CancelledError:
            pass


here = []


async def gather(n):
    mine = asyncio.get_running_loop().create_future()
    here.append(mine)
    if len(here) == n:
        for f in here:
            f.set_result("together")
        here.clear()
    return await mine


def simple(verb, arg):
    if verb == "echo":
        return arg
    if verb == "fail":
        raise ValueError(arg)
    if verb == "tell":
        ganger.feedback(arg)
    elif verb == "feedback":
        for n in range(int(arg)):
            ganger.feedback(n)
    elif verb == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif verb == "exit":
        sys.exit(int(arg))
    elif verb == "raw":
        os.write(OUT, raw(arg))
    elif verb == "late":
        threading.Timer(0.02, os.write, (OUT, raw(arg))).start()
    elif verb == "close":
        os.close(OUT)
    elif verb == "print":
        print(arg)
    else:
        raise ValueError("no step is called " + verb)


def raw(quoted):
    return eval(quoted).encode("latin-1")  # Go's quotes are Python's here


def setup():
    if os.environ.get("CALL_AT"):
        perform(os.environ["CALL_AT"])
