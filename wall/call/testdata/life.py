"""Prints when its parts are called, for the tests of package call."""
import os
import time

print("loading")


async def setup():
    if os.environ.get("CALL_AT") == "fail":
        raise OSError("no model here")
    if os.environ.get("CALL_AT") == "exit":
        raise SystemExit("no model at all")
    time.sleep(0.2)
    print("setup")


def work(value):
    print("work", value)
    if value == "long":
        time.sleep(0.3)
    return value


def teardown():
    if os.environ.get("CALL_AT") == "no end":
        raise OSError("cannot be torn down")
    print("teardown")
