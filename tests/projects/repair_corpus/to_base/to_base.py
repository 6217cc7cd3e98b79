DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def to_base(number, base):
    """Return a non-negative number written in another base (2 to 36)."""
    if number == 0:
        return "0"
    text = ""
    while number > 0:
        number, digit = divmod(number, base)
        text = DIGITS[digit] + text
    return text
