from collections import deque


class Node:
    def __init__(self, name):
        self.name = name
        self.neighbours = []


def distance(start, goal):
    """Return the number of edges on a shortest path, or -1 when there is none."""
    seen = {start}
    queue = deque([(start, 0)])
    while queue:
        node, steps = queue.popleft()
        if node is goal:
            return steps
        for other in node.neighbours:
            if other not in seen:
                seen.add(other)
                queue.append((other, steps + 1))
    return -1
