def deeper():
    return open("/nowhere/model.bin")


model = deeper()


def f(value):
    return value
