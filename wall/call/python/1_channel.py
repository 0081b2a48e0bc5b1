# What stands around a function of the user's file: it loads the file, speaks
# the native worker protocol (docs/worker-protocol.md) on descriptors of its own,
# and calls the function for each request. Python 3.9 and its standard library
# are all that it may use.
#
# The main thread reads requests and performs them, because a thread between
# would cost each task two switches. While a function runs nobody reads, so a
# second thread looks on: of a task that takes longer than a look or two it
# waits for the cancel in the main thread's stead.
import os
import sys

__name__ = "ganger"  # of the classes below
if sys.version_info < (3, 9):
    sys.exit("ganger: this is Python %d.%d, and 3.9 or newer is needed" % sys.version_info[:2])
if sys.path and sys.path[0] == "":
    del sys.path[0]  # before the imports: a json.py in this directory is not ours

import functools
import importlib.util
import json
import select
import signal
import struct
import threading
import time
import types

HELLO, REQUEST, RESPONSE, ERROR, FEEDBACK, ASK, ANSWER, CANCEL, CANCELLED, BYE = range(1, 11)
MAGIC = 0x47F7
HEADER = struct.Struct("<HBBIII")  # magic, kind, flags, length, id, question
SIZE = HEADER.size
LIMIT = 64 << 20  # of bodies, unless the hello names another
CHUNK = 64 << 10
WORDS = 32 << 10  # characters kept of a message or a trace
QUESTIONS = 64  # unanswered ones of a request
UNUSABLE = 78  # the exit status when another start would fail as well
LOOK = 0.02  # seconds between two looks at what runs


class Inbox:
    """The frames that come. One thread at a time may use it."""

    def __init__(self, fd):
        self.fd = fd
        self.rest = b""  # what was read behind the last frame

    def next(self):
        """Waits for a frame: kind, id, question, body. None: nobody is there."""
        rest = self.rest
        while len(rest) < SIZE:
            more = os.read(self.fd, CHUNK)
            if not more:
                return None
            rest = rest + more if rest else more
        magic, kind, flags, length, request, question = HEADER.unpack_from(rest)
        if magic != MAGIC or flags != 0:
            sys.exit("ganger: this is no frame: %r" % rest[:SIZE])
        end = SIZE + length
        if len(rest) >= end:
            self.rest = rest[end:]
            return kind, request, question, rest[SIZE:end]
        self.rest = b""
        body = bytearray(length)
        at = len(rest) - SIZE
        body[:at] = rest[SIZE:]
        with memoryview(body) as room:
            while at < length:
                n = os.readv(self.fd, [room[at:]])
                if n == 0:
                    return None
                at += n
        return kind, request, question, body


class Outbox:
    """The frames that go. Any thread may use it."""

    def __init__(self, fd):
        self.fd = fd
        self.lock = threading.Lock()  # held while a frame is written

    def send(self, kind, body, request=0, question=0):
        data = HEADER.pack(MAGIC, kind, 0, len(body), request, question) + body
        with self.lock:
            n = os.write(self.fd, data)
            if n < len(data):
                with memoryview(data) as rest:
                    while n < len(data):
                        n += os.write(self.fd, rest[n:])
