"""Python's own process pools under the load of the benchmark: tasks a second
with two workers, and what the caller loses when one of them is killed."""
import concurrent.futures
import multiprocessing
import os
import signal
import time

N = 4000


def echo(body):
    return body


def worker(_):
    return os.getpid()


def slow(number):
    time.sleep(0.05)
    return number


def rate(name, perform):
    begin = time.perf_counter()
    perform()
    print(f"{name}\t{N / (time.perf_counter() - begin):.6g}")


def main():
    bodies = [b"x" * 64] * N
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        list(pool.map(echo, bodies[:200]))
        rate("python/executor/rate", lambda: list(pool.map(echo, bodies)))
    with multiprocessing.Pool(2) as pool:
        pool.map(echo, bodies[:200])
        rate("python/pool/rate", lambda: pool.map(echo, bodies, 1))

    pool = concurrent.futures.ProcessPoolExecutor(2)
    victim = next(iter(set(pool.map(worker, range(50)))))
    futures = [pool.submit(slow, i) for i in range(20)]
    time.sleep(0.08)
    os.kill(victim, signal.SIGKILL)
    lost = 0
    for f in futures:
        try:
            f.result(timeout=10)
        except Exception:  # whatever it is, the caller has no result
            lost += 1
    print(f"python/executor/lost\t{lost}")


if __name__ == "__main__":
    main()
