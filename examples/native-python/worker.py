"""A warm worker that speaks the native protocol, with nothing else needed: it
tells the SHA-256 sum of the files it is given, and how far it has come.

    find . -type f | ganger run --proto native -- python3 examples/native-python/worker.py
"""

import hashlib, json, os, struct, sys, traceback

HELLO, REQUEST, RESPONSE, ERROR, FEEDBACK, ASK, ANSWER, CANCEL, CANCELLED, BYE = range(1, 11)
HEADER = struct.Struct("<HBBIII")  # magic, kind, flags, length, id, question
MAGIC = 0x47F7

if "GANGER_FD" not in os.environ:
    sys.exit("start me with: ganger run --proto native -- python3 " + sys.argv[0])
fd_in, fd_out = map(int, os.environ.pop("GANGER_FD").split(","))
[os.set_inheritable(fd, False) for fd in (fd_in, fd_out)]
source, sink = os.fdopen(fd_in, "rb"), os.fdopen(os.dup(fd_out), "wb")


def send(kind, value, request=0):
    body = json.dumps(value).encode()
    sink.write(HEADER.pack(MAGIC, kind, 0, len(body), request, 0) + body)
    sink.flush()


def receive():
    head = source.read(HEADER.size)
    if len(head) < HEADER.size:
        sys.exit(0)  # the coordinator is gone
    magic, kind, flags, length, request, _ = HEADER.unpack(head)
    if magic != MAGIC or flags != 0:
        sys.exit("this is no frame: %r" % head)
    return kind, request, source.read(length)


def perform(path, report):
    sum, size, done = hashlib.sha256(), os.path.getsize(path), 0
    with open(path, "rb") as f:
        while piece := f.read(1 << 24):
            sum.update(piece)
            done += len(piece)
            report(round(done / max(size, done), 3))
    return {"path": path, "sha256": sum.hexdigest()}


_, _, hello = receive()
send(HELLO, {"version": 1, "name": "sums", "format": "json"})
if json.loads(hello)["version"] != 1:
    sys.exit("the coordinator speaks version %d" % json.loads(hello)["version"])
while (frame := receive())[0] != BYE:
    kind, request, body = frame
    if kind != REQUEST:
        continue  # such as a cancel that came too late
    try:
        value = json.loads(body)["value"]
        send(RESPONSE, {"value": perform(value, lambda v: send(FEEDBACK, v, request))}, request)
    except Exception as e:
        send(ERROR, {"message": str(e), "trace": traceback.format_exc()}, request)
