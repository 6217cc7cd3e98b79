def ranking(scores):
    """Return the names with the highest score first; equal scores by name."""
    ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return [name for name, _ in ordered]


def podium(scores):
    return ranking(scores)[:3]
