// Package store is the durable half of the embedded training service: one
// directory that holds the catalog and the weights.
//
//	DIR/hudrl.db   SQLite (WAL, synchronous=FULL): models, the checkpoint tree
//	               with its metrics, traces, script state
//	DIR/blobs/     safetensors files named by the SHA-256 of their bytes
//
// A blob is written under a temporary name, fsynced, renamed, its directory
// fsynced, and only then may a row refer to it; a row is written, and the head
// moved to it, in one transaction ([Store.CommitStep]). So a process killed at
// any instant leaves every acknowledged step whole and no other step visible:
// at worst a temporary file or a blob nothing refers to, which [Store.GC]
// removes.
//
// Several processes may use one directory. Whoever commits a step states the
// head it started from; if the head moved meanwhile the commit is refused with
// [ErrMoved]. Files are deleted only under the database's write lock, and a
// commit checks under the same lock that its blobs are still there.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the database driver "sqlite"
)

// The names inside a store's directory.
const (
	databaseFile = "hudrl.db"
	blobDir      = "blobs"
)

// applicationID marks the database as ours in its header ("HUDR").
const applicationID = 0x48554452

// schemaVersion is the database's user_version.
const schemaVersion = 1

// busyTimeout is how long a statement waits for another process's write.
const busyTimeout = 15 * time.Second

// A Phase is a point inside a commit at which a process might die.
type Phase string

// The phases of a commit, in order.
const (
	PhaseBlobWrite Phase = "blob write" // half of a temporary file is written
	PhaseRename    Phase = "rename"     // the blob has its name, its directory is not yet fsynced
	PhaseCommit    Phase = "commit"     // the row is inserted and the head moved, the transaction is open
	PhasePromotion Phase = "promotion"  // the transaction is committed, nobody was told
)

// Options configure Open. The zero value is good.
type Options struct {
	// ReadOnly opens an existing store without writing to its directory.
	ReadOnly bool

	// KeepAll turns retention off: every checkpoint keeps weights and moments.
	KeepAll bool

	// AtPhase, when set, is called at each phase of a commit. An error it
	// returns fails the commit as an error of the disk would.
	AtPhase func(Phase) error
}

// A Store is an open directory. It is safe for concurrent use.
type Store struct {
	dir     string
	opts    Options
	db      *sql.DB // synchronous=FULL
	closed  atomic.Bool
	relaxed *sql.DB // synchronous=NORMAL: traces survive a killed process, not a power cut

	// writing holds one token while a transaction of this process writes:
	// waiting here is fair and cheap, waiting for SQLite's lock is polling.
	writing chan struct{}
}

// Open opens the store in dir, creating both when they do not exist. Errors:
// ErrReadOnly when the directory cannot be written, ErrCorrupt when its
// database is damaged or somebody else's, ErrNewer when a later version made it.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	if dir == "" {
		return nil, errors.New("open: the data directory has no name")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open: data directory %s: %w", dir, err)
	}
	s := &Store{dir: abs, opts: opts, writing: make(chan struct{}, 1)}
	if !opts.ReadOnly {
		if err := os.MkdirAll(filepath.Join(abs, blobDir), 0o755); err != nil {
			return nil, s.classify("open", err)
		}
	} else if _, err := os.Stat(filepath.Join(abs, databaseFile)); err != nil {
		return nil, fmt.Errorf("open: %s holds no store: %w: %w", abs, ErrNotFound, err)
	}
	if s.db, err = sql.Open("sqlite", s.dsn("FULL")); err != nil {
		return nil, s.classify("open", err)
	}
	if s.relaxed, err = sql.Open("sqlite", s.dsn("NORMAL")); err != nil {
		s.db.Close()
		return nil, s.classify("open", err)
	}
	s.db.SetMaxOpenConns(4)
	s.db.SetMaxIdleConns(4)
	s.relaxed.SetMaxOpenConns(1)
	if err := s.prepare(ctx); err != nil {
		err = s.classify("open", err)
		s.Close()
		return nil, err
	}
	return s, nil
}

// dsn names the database with the pragmas every connection starts with.
func (s *Store) dsn(synchronous string) string {
	path := filepath.ToSlash(filepath.Join(s.dir, databaseFile))
	if runtime.GOOS == "windows" {
		path = "/" + path
	}
	q := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()), "foreign_keys(1)"}}
	if s.opts.ReadOnly {
		q.Set("mode", "ro")
		if wal, err := os.Stat(filepath.Join(s.dir, databaseFile+"-wal")); !writable(s.dir) && (err != nil || wal.Size() == 0) {
			// Readers of a WAL database make its shared-memory file; where
			// they cannot, nobody writes, and the database file is all there is.
			q.Set("immutable", "1")
		}
	} else {
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "synchronous("+synchronous+")")
		q.Set("_txlock", "immediate")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// writable reports whether a file can be made in dir.
func writable(dir string) bool {
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return false
	}
	f.Close()
	os.Remove(f.Name())
	return true
}

// prepare checks whose database it is and creates the schema in a new one.
func (s *Store) prepare(ctx context.Context) error {
	app, version, err := s.header(ctx, s.db)
	if err != nil {
		return err
	}
	switch {
	case app == applicationID && version == schemaVersion:
		return nil
	case app == applicationID && version > schemaVersion:
		return fmt.Errorf("%w: schema version %d, this build knows %d", ErrNewer, version, schemaVersion)
	case s.opts.ReadOnly:
		return fmt.Errorf("%w: %s is not a hudrl database", ErrCorrupt, databaseFile)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// Another process may have made it while this one waited for the lock.
	app, version, err = s.header(ctx, tx)
	if err != nil {
		return err
	}
	if app == applicationID && version == schemaVersion {
		return nil
	}
	var tables int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master`).Scan(&tables); err != nil {
		return err
	}
	if tables != 0 {
		return fmt.Errorf("%w: %s is another program's database: application id %#x, want %#x", ErrCorrupt, databaseFile, app, applicationID)
	}
	for _, stmt := range strings.Split(schema, ";\n") {
		if strings.TrimSpace(stmt) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, stmt); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion)); err != nil {
		return err
	}
	return tx.Commit()
}

// querier is what *sql.DB and *sql.Tx share for reading.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *Store) header(ctx context.Context, q querier) (app, version int, err error) {
	if err = q.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&app); err != nil {
		return 0, 0, err
	}
	err = q.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version)
	return app, version, err
}

// Dir is the store's absolute directory.
func (s *Store) Dir() string { return s.dir }

// Close releases the database. What is used afterwards fails with ErrClosed.
func (s *Store) Close() error {
	s.closed.Store(true)
	return errors.Join(s.db.Close(), s.relaxed.Close())
}

// at runs the phase hook.
func (s *Store) at(p Phase) error {
	if s.opts.AtPhase == nil {
		return nil
	}
	return s.opts.AtPhase(p)
}

// write runs f in one write transaction. Cancelling ctx while it waits for the
// lock gives up; once f runs, the transaction is decided by f alone.
func (s *Store) write(ctx context.Context, op string, db *sql.DB, f func(tx *sql.Tx) error) error {
	if s.opts.ReadOnly {
		return &Error{Op: op, Dir: s.dir, Err: ErrReadOnly, Cause: errors.New("the store was opened read-only")}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.writing }()
	tx, err := db.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return s.classify(op, err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return s.classify(op, err)
	}
	if err := tx.Commit(); err != nil {
		return s.classify(op, err)
	}
	return nil
}

const schema = `
CREATE TABLE models (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	id          TEXT NOT NULL UNIQUE,
	slug        TEXT NOT NULL UNIQUE,
	name        TEXT NOT NULL,
	source      TEXT NOT NULL,             -- the checkpoint it was forked from, '' for base weights
	config      TEXT NOT NULL,             -- config.json of the policy
	grad_clip   REAL NOT NULL,             -- 0: gradients are not clipped
	weights     TEXT NOT NULL,             -- blob of the weights it started with
	head        TEXT,                      -- active checkpoint, NULL: base weights
	steps       INTEGER NOT NULL,          -- the last step number given out
	created_at  INTEGER NOT NULL           -- microseconds since 1970
);
CREATE TABLE checkpoints (
	seq           INTEGER PRIMARY KEY AUTOINCREMENT,
	id            TEXT NOT NULL UNIQUE,
	model_id      TEXT NOT NULL REFERENCES models(id) ON DELETE CASCADE,
	step          INTEGER NOT NULL,
	parent        TEXT,
	adam_t        INTEGER NOT NULL,        -- the optimizer's own step count
	weights       TEXT,                    -- blob, NULL once pruned
	moments       TEXT,                    -- blob, NULL once pruned
	created_at    INTEGER NOT NULL,
	num_traces    INTEGER,
	num_datums    INTEGER,
	num_tokens    INTEGER,
	mean_reward   REAL,
	learning_rate REAL,
	loss_fn       TEXT NOT NULL,
	metrics       TEXT NOT NULL,
	UNIQUE (model_id, step)
);
CREATE INDEX checkpoints_weights ON checkpoints (weights);
CREATE INDEX checkpoints_moments ON checkpoints (moments);
CREATE INDEX models_weights ON models (weights);
CREATE INDEX models_source ON models (source);
CREATE TABLE state (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);
CREATE TABLE traces (
	id          TEXT PRIMARY KEY,          -- lower case, without dashes
	job_id      TEXT NOT NULL,
	group_id    TEXT NOT NULL,
	task_slug   TEXT NOT NULL,
	model       TEXT NOT NULL,
	status      TEXT NOT NULL,             -- '' while it runs
	reward      REAL,
	stop_reason TEXT NOT NULL,
	error       TEXT NOT NULL,
	created_at  INTEGER NOT NULL
);
CREATE TABLE samples (
	seq      INTEGER PRIMARY KEY AUTOINCREMENT,
	trace_id TEXT NOT NULL REFERENCES traces(id) ON DELETE CASCADE,
	prompt   BLOB NOT NULL,                -- int32, little endian
	output   BLOB NOT NULL,                -- int32, little endian
	logprobs BLOB NOT NULL                 -- float32, little endian
);
CREATE INDEX samples_trace ON samples (trace_id);
`
