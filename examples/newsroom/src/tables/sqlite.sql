CREATE TABLE IF NOT EXISTS article (
    id           INTEGER PRIMARY KEY,
    slug         TEXT    NOT NULL UNIQUE,
    title        TEXT    NOT NULL,
    author       TEXT    NOT NULL,
    summary      TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    picture      TEXT,
    published_at INTEGER NOT NULL,
    send_id      TEXT
) STRICT;

CREATE VIRTUAL TABLE IF NOT EXISTS article_search USING fts5 (title, author, body, tokenize = 'porter unicode61');

CREATE TABLE IF NOT EXISTS subscriber (
    id      INTEGER PRIMARY KEY,
    name    TEXT NOT NULL,
    address TEXT NOT NULL UNIQUE
) STRICT;

INSERT OR IGNORE INTO subscriber (name, address) VALUES
    ('Maud Ferris', 'maud@harrowquay.example'),
    ('Tobias Lund', 'tobias@harrowquay.example'),
    ('Ines Calloway', 'ines@harrowquay.example'),
    ('The Reading Room', 'desk@readingroom.example'),
    ('Petr Hanley', 'petr@oldbridge.example');

-- What the webhook has received, by article.
CREATE TABLE IF NOT EXISTS webhook_call (
    slug  TEXT    PRIMARY KEY,
    calls INTEGER NOT NULL
) STRICT;
