def depth_first(graph, start):
    """Return the nodes that can be reached from `start`, each before what it leads to."""
    visited = set()
    order = []
    stack = [start]
    while stack:
        node = stack.pop()
        if node in visited:
            continue
        visited.add(node)
        order.append(node)
        for neighbour in reversed(graph.get(node, [])):
            stack.append(neighbour)
    return order
