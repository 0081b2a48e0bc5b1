import json

g = {"not": "callable"}


def h(value):
    return value
