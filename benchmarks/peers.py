def fill(*a):
    pass


def measure(*a):
    pass
