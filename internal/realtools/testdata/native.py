"""A worker in another language: the native protocol from its description.

A request {"value": V} is answered with {"value": {"got": V, "pid": ...}}. Some
values make trouble: "fail" is answered with an error, "print" prints rubbish
first, "die" ends the process.
"""
import json
import os
import struct
import sys

HEADER = struct.Struct("<2sBBIII")  # magic, kind, flags, length, id, question
HELLO, REQUEST, RESPONSE, ERROR, BYE = 1, 2, 3, 4, 10

requests, answers = (int(fd) for fd in os.environ["GANGER_FD"].split(","))


def read(size):
    data = b""
    while len(data) < size:
        part = os.read(requests, size - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data


def receive():
    magic, kind, _, length, number, _ = HEADER.unpack(read(HEADER.size))
    assert magic == b"\xf7\x47", magic
    return kind, number, read(length)


def send(kind, number, body):
    data = json.dumps(body).encode()
    os.write(answers, HEADER.pack(b"\xf7\x47", kind, 0, len(data), number, 0) + data)


def main():
    kind, _, body = receive()
    assert kind == HELLO and json.loads(body)["version"] == 1, body
    send(HELLO, 0, {"version": 1, "format": "json", "slots": 1})
    while True:
        kind, number, body = receive()
        if kind == BYE:
            return
        if kind != REQUEST:
            continue  # a cancel that came too late
        value = json.loads(body)["value"]
        if value == "die":
            os.abort()
        if value == "fail":
            send(ERROR, number, {"message": "told to fail"})
            continue
        if value == "print":
            print("rubbish on standard output", flush=True)
        send(RESPONSE, number, {"value": {"got": value, "pid": os.getpid()}})


main()
