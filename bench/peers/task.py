"""The task of every pool of Python in the benchmark."""


def inc(text):
    return int(text) + 1
