import no_such_module_anywhere


def f(value):
    return value
