def f(value):
    return value +
