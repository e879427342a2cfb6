/// Undo steps of something built in parts: run in reverse order when it goes out of scope, unless disarmed.
///
///     var cleanup = CleanupStack()
///     try makeDirectory(); cleanup.add { removeDirectory() }
///     try mountIt()
///     cleanup.disarm()
package struct CleanupStack: ~Copyable {
    private var steps: [() -> Void] = []

    package init() {}

    deinit { for step in steps.reversed() { step() } }

    /// `step` must not fail loudly: there is nobody left to tell.
    package mutating func add(_ step: @escaping () -> Void) { steps.append(step) }

    /// All went well: nothing is undone.
    package mutating func disarm() { steps = [] }
}
