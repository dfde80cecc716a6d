"""The tables, as steps: a file of an older engine goes through those it lacks, each in one transaction."""

from __future__ import annotations

# Answers are only ever added, one row for each item and phase that ended: what became of an item, and what is
# left of a job, follows from them. Inputs stand apart, so that a large one is written once.
_FIRST = """
CREATE TABLE clock (revision INTEGER NOT NULL);
INSERT INTO clock VALUES (0);
CREATE TABLE jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  project_id TEXT,
  phases TEXT NOT NULL,
  concurrency INTEGER NOT NULL,
  status TEXT NOT NULL,
  current_phase TEXT,
  total_items INTEGER NOT NULL,
  completed_items INTEGER NOT NULL DEFAULT 0,
  failed_items INTEGER NOT NULL DEFAULT 0,
  cost_incurred REAL DEFAULT 0,
  tokens_used INTEGER DEFAULT 0,
  created_at TEXT NOT NULL,
  started_at TEXT,
  completed_at TEXT,
  updated_at TEXT NOT NULL,
  error TEXT,
  revision INTEGER NOT NULL
);
CREATE INDEX jobs_by_name ON jobs (name);
CREATE INDEX jobs_by_revision ON jobs (revision);
CREATE TABLE items (
  job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  item_index INTEGER NOT NULL,
  input TEXT NOT NULL,
  metadata TEXT,
  PRIMARY KEY (job, item_index)
);
CREATE TABLE answers (
  job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  item_index INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  output TEXT,
  error TEXT,
  model TEXT,
  cost REAL,
  tokens INTEGER,
  duration_ms INTEGER NOT NULL,
  ended_at TEXT NOT NULL,
  PRIMARY KEY (job, item_index, phase),
  CHECK ((output IS NULL) <> (error IS NULL))
);
CREATE TABLE idempotency_keys (
  key TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  job_id TEXT NOT NULL,
  reply TEXT NOT NULL,
  created_at TEXT NOT NULL
);
"""

# Deleted jobs leave a tombstone, so that a list that follows the changes can drop them; `forgotten` is the
# newest revision whose tombstone is gone. Cursors carry the database's own id: one of another means nothing.
_FEED_AND_DECISIONS = """
CREATE TABLE feed (database_id TEXT NOT NULL, forgotten INTEGER NOT NULL);
INSERT INTO feed VALUES (lower(hex(randomblob(8))), 0);
CREATE TABLE tombstones (
  revision INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL,
  deleted_at TEXT NOT NULL
);
CREATE INDEX tombstones_by_age ON tombstones (deleted_at);
CREATE TABLE decisions (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  prompt_hash TEXT NOT NULL,
  prompt_length INTEGER NOT NULL,
  executed_model TEXT,
  total_cost REAL,
  successful INTEGER NOT NULL,
  retry_count INTEGER NOT NULL,
  validation_score REAL,
  latency_ms INTEGER NOT NULL,
  created_at TEXT NOT NULL
);
"""

#: A step is never changed once an engine has been released with it: add another.
STEPS: tuple[str, ...] = (_FIRST, _FEED_AND_DECISIONS)
