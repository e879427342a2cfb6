/// The tables of `box.db`, one script a version (`PRAGMA user_version`). A script that has been released is never
/// changed: a new one is added below it.
///
/// Identifiers are lower-case hexadecimal without `sha256:`; times are nanoseconds since 1970.
package enum Schema {
    package static let migrations = [
        """
        -- Unpacked layers, named by the chain of digests up to them.
        CREATE TABLE layers (
            chain_id TEXT PRIMARY KEY,
            parent TEXT REFERENCES layers(chain_id),
            diff_id TEXT NOT NULL,
            -- Bytes of the files.
            size INTEGER NOT NULL,
            -- Its root is opaque: what is below is not part of the stack.
            hides_below INTEGER NOT NULL,
            created INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX layers_parent ON layers(parent);

        CREATE TABLE images (
            -- Digest of the configuration, whose bytes are a blob.
            id TEXT PRIMARY KEY,
            -- The highest layer; NULL for an image without layers.
            chain_id TEXT REFERENCES layers(chain_id),
            -- The manifest it came with, if it came with one.
            manifest TEXT,
            -- The image it was committed from; not a reference: that one may be removed.
            parent TEXT,
            -- What its configuration says; when it was stored here.
            created INTEGER NOT NULL,
            added INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX images_chain ON images(chain_id);
        CREATE INDEX images_parent ON images(parent);

        -- The layers of an image from the lowest, and the blobs they came as.
        CREATE TABLE image_layers (
            image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            chain_id TEXT NOT NULL REFERENCES layers(chain_id),
            blob TEXT NOT NULL,
            blob_size INTEGER NOT NULL,
            media_type TEXT NOT NULL,
            PRIMARY KEY (image, position)
        ) WITHOUT ROWID;
        CREATE INDEX image_layers_chain ON image_layers(chain_id);

        -- Names of images: docker.io/library/busybox:latest, or @sha256:… for what was named by digest.
        CREATE TABLE image_names (
            name TEXT PRIMARY KEY,
            image TEXT NOT NULL REFERENCES images(id)
        ) WITHOUT ROWID;
        CREATE INDEX image_names_image ON image_names(image);

        CREATE TABLE volumes (
            name TEXT PRIMARY KEY,
            anonymous INTEGER NOT NULL,
            -- JSON objects of strings.
            labels TEXT NOT NULL,
            options TEXT NOT NULL,
            created INTEGER NOT NULL
        ) WITHOUT ROWID;

        CREATE TABLE containers (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            -- Holds the layers of its image even when the image is removed.
            chain_id TEXT REFERENCES layers(chain_id),
            -- What the engine knows of it: JSON.
            record BLOB NOT NULL,
            -- How it is doing, which changes far more often: JSON.
            state BLOB NOT NULL,
            created INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX containers_chain ON containers(chain_id);

        -- Rows that could not be read, out of the way and not lost.
        CREATE TABLE quarantine (
            kind TEXT NOT NULL,
            key TEXT NOT NULL,
            reason TEXT NOT NULL,
            content BLOB NOT NULL,
            time INTEGER NOT NULL
        );
        """,
        """
        -- How a container is doing changes with every start and end. In one row with its record, which is ten times as
        -- long and goes over several pages, each change wrote that anew.
        CREATE TABLE container_states (
            id TEXT PRIMARY KEY REFERENCES containers(id) ON DELETE CASCADE,
            -- JSON.
            state BLOB NOT NULL
        ) WITHOUT ROWID;
        INSERT INTO container_states SELECT id, state FROM containers;
        ALTER TABLE containers DROP COLUMN state;
        """,
    ]
}
