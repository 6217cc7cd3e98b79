def ways(amount, coins):
    """Return in how many ways `coins` (each as often as needed) sum up to `amount`."""
    if amount == 0:
        return 1
    if amount < 0 or not coins:
        return 0
    return ways(amount - coins[0], coins) + ways(amount, coins[1:])
