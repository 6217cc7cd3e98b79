"""Scripts that the project's own interpreter runs (Python 3.8 or later); they import nothing of Podium."""
