import Storage

/// Names for containers that got none.
enum ContainerName {
    /// Takes a name for a container: the one that was asked for, or one of `generate` until one is free. Only `claim`
    /// knows that for certain, as others are being named at the same moment: it throws `ContainerNameConflict` when
    /// somebody has the name.
    static func settle(_ wanted: String?, generate: () -> String, claim: (String) throws -> Void) throws {
        if let wanted { return try claim(wanted) }
        for _ in 1..<attempts {
            do {
                return try claim(generate())
            } catch is ContainerNameConflict {}
        }
        try claim(generate())
    }

    /// Somebody who is always faster than we are is no reason to try for ever.
    private static let attempts = 100

    static func random(avoiding taken: (String) -> Bool) -> String {
        var name = pair()
        for attempt in 0..<10 where taken(name) { name = attempt < 5 ? pair() : pair() + "\(Int.random(in: 0...9))" }
        while taken(name) { name = pair() + "\(Int.random(in: 1000...999_999))" }
        return name
    }

    private static func pair() -> String {
        (manners.randomElement() ?? "plain") + "_" + (boxes.randomElement() ?? "box")
    }

    private static let manners = [
        "airy", "amber", "ample", "brisk", "calm", "clever", "copper", "cosy", "crisp", "daring", "deft", "early",
        "eager", "fair", "fleet", "fond", "gentle", "glad", "golden", "hardy", "hazel", "honest", "jolly", "keen",
        "kind", "light", "lively", "lucid", "mellow", "merry", "mighty", "modest", "neat", "nimble", "noble", "patient",
        "plucky", "polite", "proud", "quick", "quiet", "ready", "rosy", "sharp", "silent", "smart", "snug", "solid",
        "spry", "steady", "sturdy", "sunny", "swift", "tidy", "trusty", "upbeat", "vivid", "warm", "witty", "zesty",
    ]
    private static let boxes = [
        "amphora", "ark", "barrel", "basin", "basket", "bin", "bottle", "bowl", "bucket", "cabinet", "caddy", "can",
        "canister", "capsule", "carafe", "carton", "case", "cask", "casket", "chest", "coffer", "cradle", "crate",
        "creel", "crib", "crock", "cup", "drawer", "drum", "flask", "hamper", "hopper", "jar", "jug", "keg", "kettle",
        "kit", "ladle", "locker", "mug", "packet", "pail", "pannier", "parcel", "pitcher", "pocket", "pot", "pouch",
        "purse", "quiver", "rucksack", "sack", "safe", "satchel", "sheath", "tank", "tin", "tote", "tray", "trunk",
        "tub", "urn", "vase", "vat", "vault", "vessel", "vial", "wallet",
    ]
}
