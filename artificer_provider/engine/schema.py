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

# A call is noted before it is made, and stays, with how it ended, until its item is through the phase: what
# comes next for an item follows from its calls. An answer can stand beside the error of an item that failed.
_CALLS = """
ALTER TABLE jobs ADD COLUMN max_retries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN doubt_policy TEXT NOT NULL DEFAULT 'repeat';
ALTER TABLE jobs ADD COLUMN in_doubt INTEGER NOT NULL DEFAULT 0;
CREATE TABLE calls (
  job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  item_index INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  number INTEGER NOT NULL,
  asked TEXT NOT NULL,
  ending TEXT,
  text TEXT,
  score REAL,
  error TEXT,
  model TEXT,
  cost REAL,
  tokens INTEGER,
  duration_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, item_index, phase, number)
) WITHOUT ROWID;
CREATE TABLE answers_of_calls (
  job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
  item_index INTEGER NOT NULL,
  phase INTEGER NOT NULL,
  output TEXT,
  error TEXT,
  model TEXT,
  score REAL,
  cost REAL,
  tokens INTEGER,
  attempts INTEGER NOT NULL,
  in_doubt INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  ended_at TEXT NOT NULL,
  PRIMARY KEY (job, item_index, phase),
  CHECK (output IS NOT NULL OR error IS NOT NULL)
);
INSERT INTO answers_of_calls
  SELECT job, item_index, phase, output, error, model, NULL, cost,
    CASE WHEN error IS NULL THEN tokens ELSE COALESCE(tokens, 0) END, 1, 0, duration_ms, ended_at
  FROM answers;
DROP TABLE answers;
ALTER TABLE answers_of_calls RENAME TO answers;
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

# Rows belong to their owner. A key is kept as its hash; what was asked for under it is counted by the day.
_OWNERS_AND_KEYS = """
ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT 'local';
CREATE INDEX jobs_by_owner ON jobs (owner, number);
DROP INDEX jobs_by_revision;
CREATE INDEX jobs_by_revision ON jobs (owner, revision);
ALTER TABLE tombstones ADD COLUMN owner TEXT NOT NULL DEFAULT 'local';
ALTER TABLE decisions ADD COLUMN owner TEXT NOT NULL DEFAULT 'local';
ALTER TABLE decisions ADD COLUMN conversation_id TEXT;
CREATE TABLE idempotency_keys_of_owners (
  owner TEXT NOT NULL DEFAULT 'local',
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  job_id TEXT NOT NULL,
  reply TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (owner, key)
);
INSERT INTO idempotency_keys_of_owners
  SELECT 'local', key, fingerprint, job_id, reply, created_at FROM idempotency_keys;
DROP TABLE idempotency_keys;
ALTER TABLE idempotency_keys_of_owners RENAME TO idempotency_keys;
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  owner TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  addresses TEXT NOT NULL,
  calls_a_minute INTEGER,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT
);
CREATE TABLE key_usage (
  key_id TEXT NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
  day TEXT NOT NULL,
  calls INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  last_used_at TEXT NOT NULL,
  PRIMARY KEY (key_id, day)
) WITHOUT ROWID;
CREATE INDEX key_usage_by_day ON key_usage (day);
"""

# A chunk holds its place in the document's text and its vector: the text itself stands once, in pieces of one
# length, so that a passage is read without the rest of a long document. The two versions tell a vector from
# one of a text that was there before, and a project's vectors in memory from those in the file.
_PROJECTS = """
CREATE TABLE projects (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT,
  settings TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  index_version INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX projects_by_owner ON projects (owner, number);
CREATE TABLE documents (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  project INTEGER NOT NULL REFERENCES projects (number) ON DELETE CASCADE,
  filename TEXT NOT NULL,
  original_name TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  uploaded_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  text_version INTEGER NOT NULL DEFAULT 1,
  indexed_by TEXT,
  chunk_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX documents_by_project ON documents (project, number);
CREATE TABLE texts (
  document INTEGER NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
  piece INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (document, piece)
);
CREATE TABLE chunks (
  document INTEGER NOT NULL REFERENCES documents (number) ON DELETE CASCADE,
  chunk_index INTEGER NOT NULL,
  start_char INTEGER NOT NULL,
  end_char INTEGER NOT NULL,
  vector BLOB NOT NULL,
  PRIMARY KEY (document, chunk_index)
);
"""

# What a model was asked to do is counted when it is kept: nothing has to be gone through to tell it.
_CONVERSATIONS = """
CREATE TABLE conversations (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  project INTEGER REFERENCES projects (number) ON DELETE SET NULL,
  title TEXT,
  model TEXT,
  system_prompt TEXT,
  temperature REAL,
  max_tokens INTEGER,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE INDEX conversations_by_owner ON conversations (owner, updated_at);
CREATE INDEX conversations_by_project ON conversations (project);
CREATE TABLE messages (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  model TEXT,
  cost REAL,
  tokens INTEGER,
  sources TEXT,
  parent_id TEXT,
  created_at TEXT NOT NULL
);
CREATE INDEX messages_by_conversation ON messages (conversation, number);
CREATE TABLE model_usage (
  owner TEXT NOT NULL,
  model TEXT NOT NULL,
  calls INTEGER NOT NULL,
  failed_calls INTEGER NOT NULL,
  tokens INTEGER,
  cost REAL,
  duration_ms INTEGER NOT NULL,
  last_used_at TEXT NOT NULL,
  PRIMARY KEY (owner, model)
) WITHOUT ROWID;
"""

# What ended when, and how long it took, without the texts beside it: those of a large job do not fit into
# SQLite's cache, and a page that shows a job asks for its figures again and again.
_FIGURES = """
CREATE INDEX answers_by_end ON answers (job, ended_at, phase, cost, error);
CREATE INDEX answers_by_duration ON answers (job, phase, duration_ms, cost, tokens, error);
CREATE INDEX answers_failed ON answers (job, item_index) WHERE error IS NOT NULL;
"""

#: A step is never changed once an engine has been released with it: add another.
STEPS: tuple[str, ...] = (
    _FIRST,
    _CALLS,
    _FEED_AND_DECISIONS,
    _OWNERS_AND_KEYS,
    _PROJECTS,
    _CONVERSATIONS,
    _FIGURES,
)
