/// Names for containers that got none.
enum ContainerName {
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
