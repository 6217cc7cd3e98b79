def count_bits(number):
    """Return how many bits of a non-negative number are set."""
    count = 0
    while number:
        number &= number - 1
        count += 1
    return count


def lowest_bit(number):
    return number & -number
