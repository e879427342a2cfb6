/// First in, first out. What was taken from the front is thrown out together now and then.
struct Queue<Element> {
    private var elements: [Element?] = []
    private var taken = 0

    var count: Int { elements.count - taken }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popFirst() -> Element? {
        guard taken < elements.count else { return nil }
        let element = elements[taken].take()
        taken += 1
        if taken == elements.count {
            elements.removeAll(keepingCapacity: elements.capacity <= 1024)
            taken = 0
        } else if taken > 1024 {
            elements.removeFirst(taken)
            taken = 0
        }
        return element
    }
}

extension Queue: Sendable where Element: Sendable {}
