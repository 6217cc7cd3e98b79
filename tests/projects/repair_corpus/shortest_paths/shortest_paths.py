import heapq


def distances(graph, start):
    """Return the length of a shortest path to each node that can be reached."""
    best = {start: 0}
    heap = [(0, start)]
    while heap:
        length, node = heapq.heappop(heap)
        if length > best[node]:
            continue
        for other, weight in graph.get(node, {}).items():
            candidate = length + weight
            if other not in best or candidate < best[other]:
                best[other] = candidate
                heapq.heappush(heap, (candidate, other))
    return best
