"""Functions for the tests of package call; cases.mjs has the same."""
import asyncio
import ctypes
import os
import subprocess
import sys
import threading
import time

import ganger

if __name__ == "__main__":
    sys.exit("this is loaded, not run")


def echo(value):
    return value


async def aecho(value):
    return value


def nothing(_):
    pass


def odd(what):
    if what == "circle":
        ring = []
        ring.append(ring)
        return ring
    if what == "deep":
        pit = []
        for _ in range(200_000):
            pit = [pit]
        return pit
    return {
        "type": {1, 2},
        "nan": float("nan"),
        "infinite": [1, {"x": float("inf")}],
        "coroutine": aecho,
        "big": "x" * 2_000_000,
        "many digits": 10**5000 if sys.version_info >= (3, 11) else {1},
    }.get(what)


def surrogate(_):
    return "a\ud800b"


def outer(value):
    return inner(value)


def inner(value):
    try:
        {}["nowhere"]
    except KeyError:
        raise ValueError("no such thing as %s" % value)


async def aouter(value):
    await asyncio.sleep(0)
    return inner(value)


def prints(way):
    if way == "print":
        print("by print")
    elif way == "descriptor":
        os.write(1, b"by descriptor\n")
    elif way == "library":
        libc = ctypes.CDLL(None)
        libc.puts(b"by library")
        libc.fflush(None)
    elif way == "child":
        subprocess.run(["echo", "by child"], check=True)
    elif way == "binary":
        sys.stdout.buffer.write(b"by \xff\xf7\x47 binary\n")
        sys.stdout.flush()
    elif way == "half":
        print("half a surrogate \ud800")
    elif way == "closed":
        sys.stdout.close()
    return way


def loops(_):
    ganger.feedback("began")
    while True:
        pass


def sleeps(_):
    ganger.feedback("began")
    time.sleep(3600)


async def asleeps(_):
    ganger.feedback("began")
    await asyncio.sleep(3600)


def asks_for_ever(_):
    ganger.feedback("began")
    ganger.ask("hang")


async def aasks_for_ever(_):
    ganger.feedback("began")
    await ganger.ask("hang")


def reports_for_ever(_):
    n = 0
    while True:
        ganger.feedback(["much " * 60_000, n])
        n += 1


def tidies(_):
    ganger.feedback("began")
    try:
        time.sleep(3600)
    finally:
        print("tidied")


def stubborn(_):
    ganger.feedback("began")
    while True:
        try:
            time.sleep(3600)
        except KeyboardInterrupt:
            print("no")


def wraps(_):
    ganger.feedback("began")
    try:
        time.sleep(3600)
    except KeyboardInterrupt as e:
        raise RuntimeError("was interrupted") from e


def answers_all_the_same(_):
    ganger.feedback("began")
    try:
        time.sleep(3600)
    except KeyboardInterrupt:
        return "all the same"


def reports(n):
    for i in range(n):
        ganger.feedback({"step": i})
    return n


async def areports(n):
    for i in range(n):
        ganger.feedback({"step": i})
        await asyncio.sleep(0)
    return n


def asks(question):
    try:
        return ganger.ask(question)
    except ganger.Error as e:
        return "no: %s" % e


async def aasks(question):
    first, second = await asyncio.gather(ganger.ask("first"), ganger.ask(question), return_exceptions=True)
    return "no: %s" % second if isinstance(second, ganger.Error) else [first, second]


def reports_late(_):
    def late():
        time.sleep(0.05)
        try:
            ganger.feedback("late")
        except ganger.Error:
            print("late")

    threading.Thread(target=late).start()


def exits(how):
    if how == "at once":
        os._exit(3)
    sys.exit(how)


def channel(_):
    seen = subprocess.run(["sh", "-c", 'echo "$GANGER_FD$GANGER_CALL"; ls -l /proc/$$/fd'], stdout=subprocess.PIPE, close_fds=False)
    return [os.readlink("/proc/self/fd/3"), seen.stdout.decode()]


def forks(_):
    pid = os.fork()  # the child returns from here as well
    if pid:
        os.waitpid(pid, 0)
    return pid > 0


def is_main(_):
    return threading.current_thread() is threading.main_thread()


def identity(_):
    return [os.getpid(), __name__, __file__, sys.argv]


async def background(_):
    asyncio.get_running_loop().call_later(0.05, os._exit, 1)
    await asyncio.sleep(3600)


def plain_async(_):
    return aecho(1)
