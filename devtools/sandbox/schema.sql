CREATE TABLE IF NOT EXISTS projects (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, last_number INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS tickets (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, project TEXT NOT NULL, number INTEGER NOT NULL,
    status TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, fields TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS labels (
    label TEXT NOT NULL, ticket_id INTEGER NOT NULL REFERENCES tickets, PRIMARY KEY (label, ticket_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS links (
    id INTEGER PRIMARY KEY, type TEXT NOT NULL, inward INTEGER NOT NULL REFERENCES tickets,
    outward INTEGER NOT NULL REFERENCES tickets, UNIQUE (type, inward, outward));
CREATE INDEX IF NOT EXISTS links_outward ON links (outward);
CREATE INDEX IF NOT EXISTS links_inward ON links (inward);
CREATE TABLE IF NOT EXISTS comments (
    id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES tickets, created REAL NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS comments_ticket ON comments (ticket_id);
CREATE TABLE IF NOT EXISTS remote_links (
    id INTEGER PRIMARY KEY, ticket_id INTEGER NOT NULL REFERENCES tickets, global_id TEXT, body TEXT NOT NULL,
    UNIQUE (ticket_id, global_id));
CREATE TABLE IF NOT EXISTS databases (
    id TEXT PRIMARY KEY, created REAL NOT NULL, idempotency_key TEXT UNIQUE, request TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, effect TEXT NOT NULL, target TEXT NOT NULL,
    marker TEXT, idempotency_key TEXT, correlation_id TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ledger_marker ON ledger (marker);
CREATE TRIGGER IF NOT EXISTS ledger_keeps_lines BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS ledger_keeps_words BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TABLE IF NOT EXISTS repositories (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, default_branch TEXT NOT NULL,
    protected TEXT NOT NULL, settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pulls (
    repository_id INTEGER NOT NULL REFERENCES repositories, number INTEGER NOT NULL, facts TEXT NOT NULL,
    PRIMARY KEY (repository_id, number));
