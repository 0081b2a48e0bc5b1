import ctypes
import os
import signal
import subprocess
import time

time.sleep(1.5)                                  # a model: three times the time-out of a task
subprocess.Popen(["sh", "-c", "while :; do sleep 1000; done", os.environ["MARK"]], start_new_session=True)
libc = ctypes.CDLL(None)
leak = []


def caption(path):
    print("noise on stdout")
    os.write(1, b"more of it\n")
    libc.puts(b"and of a library in C")
    libc.fflush(None)
    if path == "photos/evil.jpg":
        leak.append(b"x" * (100 << 20))
        os.kill(os.getpid(), signal.SIGKILL)
    if path == "photos/slow.jpg":
        time.sleep(1000)
    leak.append(b"x" * (4 << 20))
    time.sleep(0.02)
    return {"path": path, "text": path.upper(), "seat": os.environ["CUDA_VISIBLE_DEVICES"]}
