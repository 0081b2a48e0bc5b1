"""A function that ganger calls: it says what it sees in a picture. This one only
looks at the head of a PNG or GIF file; yours has a model."""

import struct

import ganger

model = None


def setup():
    """Called once for each worker, before its first task."""
    global model
    model = {b"\x89PNG\r\n\x1a\n": (">II", 16), b"GIF87a": ("<HH", 6), b"GIF89a": ("<HH", 6)}


def caption(path):
    """Called once for each task."""
    print("looking at", path)  # goes to the log, and harms nobody
    with open(path, "rb") as f:
        head = f.read(24)
    ganger.feedback("read")
    for magic, (layout, at) in model.items():
        if head.startswith(magic):
            width, height = struct.unpack_from(layout, head, at)
            return {"path": path, "text": f"a picture, {width} by {height}"}
    raise ValueError(f"{path} is no picture that I know")
