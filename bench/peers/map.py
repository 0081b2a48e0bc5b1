"""Prints the next number of each line, by two worker processes of Python's own:
map.py executor (ProcessPoolExecutor.map) or map.py pool (multiprocessing.Pool.map).
Either hands out one task at a time, as ganger does."""
import concurrent.futures
import multiprocessing
import sys

from task import inc


def main(kind):
    lines = sys.stdin.read().splitlines()
    if kind == "executor":
        with concurrent.futures.ProcessPoolExecutor(2) as pool:
            for answer in pool.map(inc, lines, chunksize=1):
                print(answer)
    else:
        with multiprocessing.Pool(2) as pool:
            for answer in pool.map(inc, lines, 1):
                print(answer)


if __name__ == "__main__":
    main(sys.argv[1])
