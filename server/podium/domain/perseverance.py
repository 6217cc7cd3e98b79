"""What is done about a task that keeps failing: several candidates at once; then the user, or a fresh Worker."""

from podium.domain.limits import SAME_ERROR_LIMIT

WORKERS = 2
"""How many Workers, each with its own conversation, try a task with one model where nobody is asked."""
ATTEMPTS_OF_ONE = 10
"""How many attempts one Worker has, whatever its errors."""
DOUBTS = 5
"""How many Reviewers may reject one and the same change before its Worker does not get on."""
MOST_CANDIDATES = 8


def candidates_wanted(n_red: int) -> int:
    """Return how many different candidates a Worker is asked for after `n_red` attempts with red checks.

    Two after the first, and twice as many after each further one, up to eight.
    """
    return min(2**n_red, MOST_CANDIDATES)


def gets_on(n_same: int, n_doubts: int, n_attempts: int) -> bool:
    """Return whether a Worker goes on after `n_attempts`.

    `n_same` is how often its last error came back although the change was another one, `n_doubts` how many
    Reviewers rejected the change as it is now.
    """
    return n_same < SAME_ERROR_LIMIT and n_doubts < DOUBTS and n_attempts < ATTEMPTS_OF_ONE


def another_worker(n_workers: int) -> bool:
    """Return whether a fresh Worker gets the task after `n_workers` did not get on and nobody is asked."""
    return n_workers < WORKERS
