def primes_below(limit):
    """Return the primes smaller than `limit`."""
    is_prime = [True] * limit
    found = []
    for number in range(2, limit):
        if is_prime[number]:
            found.append(number)
            for multiple in range(number * number, limit, number):
                is_prime[multiple] = False
    return found
