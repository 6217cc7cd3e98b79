from graph_distance import Node, distance

def ring(n):
    nodes = [Node(str(i)) for i in range(n)]
    for i, node in enumerate(nodes):
        node.neighbours.append(nodes[(i + 1) % n])
        node.neighbours.append(nodes[(i - 1) % n])
    return nodes

def test_same():
    a = Node("a")
    assert distance(a, a) == 0

def test_ring():
    nodes = ring(6)
    assert distance(nodes[0], nodes[3]) == 3
    assert distance(nodes[0], nodes[5]) == 1

def test_unreachable_in_a_cycle():
    nodes = ring(4)
    assert distance(nodes[0], Node("x")) == -1

def test_each_node_once(monkeypatch):
    nodes = ring(5)
    import graph_distance
    taken = []
    class Counting(graph_distance.deque):
        def popleft(self):
            item = super().popleft()
            taken.append(item)
            return item
    monkeypatch.setattr(graph_distance, "deque", Counting)
    distance(nodes[0], Node("x"))
    assert len(taken) == 5
