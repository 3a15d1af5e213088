package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Model is a trainable model.
type Model struct {
	ID        string // UUID
	Slug      string // unique
	Name      string
	Source    string // the checkpoint it was forked from, "" for a model's base weights
	Config    string // config.json of its policy
	GradClip  float64
	Weights   string // blob it started with
	Head      string // active checkpoint, "" while it serves the weights it started with
	Steps     int    // the last step number given out; never goes back
	CreatedAt time.Time
}

const modelColumns = `id, slug, name, source, config, grad_clip, weights, coalesce(head, ''), steps, created_at`

type scanner interface{ Scan(dest ...any) error }

func scanModel(row scanner) (Model, error) {
	var m Model
	var created int64
	err := row.Scan(&m.ID, &m.Slug, &m.Name, &m.Source, &m.Config, &m.GradClip, &m.Weights, &m.Head, &m.Steps, &created)
	m.CreatedAt = time.UnixMicro(created).UTC()
	return m, err
}

// AddModel inserts a model whose Weights blob was put before. When its slug is
// taken, or reserved by the caller's test, "-2", "-3", … is appended. The
// result is the row as stored.
func (s *Store) AddModel(ctx context.Context, m Model, reserved func(slug string) bool) (Model, error) {
	m.CreatedAt = time.Now().UTC().Truncate(time.Microsecond)
	wanted := m.Slug
	err := s.write(ctx, "add model", s.db, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		for n := 2; ; n++ {
			var taken bool
			if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM models WHERE slug = ?)`, m.Slug).Scan(&taken); err != nil {
				return err
			}
			if !taken && (reserved == nil || !reserved(m.Slug)) {
				break
			}
			m.Slug = fmt.Sprintf("%s-%d", wanted, n)
		}
		if err := s.haveBlobs(m.Weights); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO models (id, slug, name, source, config, grad_clip, weights, head, steps, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 0, ?)`,
			m.ID, m.Slug, m.Name, m.Source, m.Config, m.GradClip, m.Weights, m.CreatedAt.UnixMicro())
		return err
	})
	return m, err
}

// RemoveModel removes a model with its tree and returns how many checkpoints
// that had. Their blobs are left to GC. It is refused with ErrForked while
// other models were forked from one of them.
func (s *Store) RemoveModel(ctx context.Context, id string) (checkpoints int, err error) {
	err = s.write(ctx, "remove model", s.db, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		rows, err := tx.QueryContext(ctx, `SELECT slug FROM models WHERE id <> ?1 AND source IN (SELECT id FROM checkpoints WHERE model_id = ?1) ORDER BY seq`, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		var forks []string
		for rows.Next() {
			var slug string
			if err := rows.Scan(&slug); err != nil {
				return err
			}
			forks = append(forks, slug)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if len(forks) > 0 {
			return fmt.Errorf("models were %w from it: %s", ErrForked, strings.Join(forks, ", "))
		}
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM checkpoints WHERE model_id = ?`, id).Scan(&checkpoints); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `DELETE FROM models WHERE id = ?`, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("model %q: %w", id, ErrNotFound))
		}
		return nil
	})
	return checkpoints, err
}

// Models lists the models in the order they were made.
func (s *Store) Models(ctx context.Context) ([]Model, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+modelColumns+` FROM models ORDER BY seq`)
	if err != nil {
		return nil, s.classify("list models", err)
	}
	defer rows.Close()
	var models []Model
	for rows.Next() {
		m, err := scanModel(rows)
		if err != nil {
			return nil, s.classify("list models", err)
		}
		models = append(models, m)
	}
	return models, s.classify("list models", rows.Err())
}

// Model is the model with an id.
func (s *Store) Model(ctx context.Context, id string) (Model, error) {
	return s.oneModel(ctx, `id = ?`, id)
}

// FindModel finds a model by slug, else id, else display name (the latest).
func (s *Store) FindModel(ctx context.Context, name string) (Model, error) {
	for _, where := range []string{`slug = ?`, `id = ?`, `name = ? ORDER BY seq DESC LIMIT 1`} {
		arg := name
		if strings.HasPrefix(where, "id") {
			arg = strings.ToLower(name)
		}
		m, err := s.oneModel(ctx, where, arg)
		if !errors.Is(err, ErrNotFound) {
			return m, err
		}
	}
	return Model{}, fmt.Errorf("model %q: %w", name, ErrNotFound)
}

func (s *Store) oneModel(ctx context.Context, where, arg string) (Model, error) {
	m, err := scanModel(s.db.QueryRowContext(ctx, `SELECT `+modelColumns+` FROM models WHERE `+where, arg))
	if errors.Is(err, sql.ErrNoRows) {
		return Model{}, fmt.Errorf("model %q: %w", arg, ErrNotFound)
	}
	return m, s.classify("read model", err)
}
