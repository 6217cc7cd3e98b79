from prime_sieve import primes_below

def test_small():
    assert primes_below(10) == [2, 3, 5, 7]

def test_bounds():
    assert primes_below(2) == []
    assert primes_below(3) == [2]

def test_thirty():
    assert primes_below(30) == [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
