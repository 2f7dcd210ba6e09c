-- Ids, colours and kinds are the words of the wire. Times are milliseconds since 1970, UTC.

CREATE TABLE rooms (
    id           TEXT    NOT NULL PRIMARY KEY,
    title        TEXT    NOT NULL,
    max          INTEGER NOT NULL,
    owner        TEXT    NOT NULL,
    owner_colour TEXT    NOT NULL,
    password     TEXT,                       -- argon2id, PHC string
    off_record   INTEGER NOT NULL,
    keep         INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seq     INTEGER NOT NULL DEFAULT 0, -- the number of the newest message
    removing     INTEGER NOT NULL DEFAULT 0  -- a removal has begun: the room is gone for everybody
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    room       TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    id         TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    author     TEXT    NOT NULL,
    uid        TEXT    NOT NULL,
    name       TEXT,
    chat       TEXT,
    gif        TEXT,
    recipient  TEXT,
    key        TEXT,
    occupancy  INTEGER,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX messages_by_id ON messages (room, id);
CREATE UNIQUE INDEX messages_by_key ON messages (room, uid, key) WHERE key IS NOT NULL;

CREATE TABLE roster (
    room   TEXT NOT NULL,
    uid    TEXT NOT NULL,
    colour TEXT NOT NULL,
    name   TEXT,
    origin TEXT NOT NULL,
    PRIMARY KEY (room, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE standings (
    room   TEXT    NOT NULL,
    uid    TEXT    NOT NULL,
    banned INTEGER NOT NULL,                 -- 0: granted
    PRIMARY KEY (room, uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    name       TEXT    NOT NULL PRIMARY KEY,
    uid        TEXT    NOT NULL,
    token_hash TEXT    NOT NULL,             -- SHA-256, hex
    monitor    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen  INTEGER
) STRICT, WITHOUT ROWID;

-- Written to find out whether writing works.
CREATE TABLE pings (
    only  INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO pings VALUES (1, 0);
