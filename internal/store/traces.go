package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// A Trace is the record of a rollout.
type Trace struct {
	ID         string
	JobID      string
	GroupID    string
	TaskSlug   string
	Model      string
	Status     string // "" while it runs
	Reward     *float64
	StopReason string
	Error      string
	Samples    []Sample
}

// A Sample is one recorded turn.
type Sample struct {
	Prompt   []int
	Output   []int
	Logprobs []float32
}

// TraceKey is how ids are compared: lower case, without dashes.
func TraceKey(id string) string { return strings.ToLower(strings.ReplaceAll(id, "-", "")) }

// EnterTrace opens or describes a trace.
func (s *Store) EnterTrace(ctx context.Context, t Trace) error {
	return s.write(ctx, "enter trace", s.relaxed, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), `INSERT INTO traces (id, job_id, group_id, task_slug, model, status, stop_reason, error, created_at)
			VALUES (?, ?, ?, ?, ?, '', '', '', ?)
			ON CONFLICT (id) DO UPDATE SET job_id = excluded.job_id, group_id = excluded.group_id, task_slug = excluded.task_slug, model = excluded.model`,
			TraceKey(t.ID), t.JobID, t.GroupID, t.TaskSlug, t.Model, time.Now().UnixMicro())
		return err
	})
}

// ExitTrace closes a trace, opening it when nobody did.
func (s *Store) ExitTrace(ctx context.Context, t Trace) error {
	return s.write(ctx, "exit trace", s.relaxed, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(context.WithoutCancel(ctx), `INSERT INTO traces (id, job_id, group_id, task_slug, model, status, reward, stop_reason, error, created_at)
			VALUES (?, '', '', '', '', ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET status = excluded.status, reward = excluded.reward, stop_reason = excluded.stop_reason, error = excluded.error`,
			TraceKey(t.ID), t.Status, t.Reward, t.StopReason, t.Error, time.Now().UnixMicro())
		return err
	})
}

// AddSample records a turn of a trace, opening the trace when nobody did.
func (s *Store) AddSample(ctx context.Context, traceID, model string, sample Sample) error {
	return s.addSample(ctx, traceID, model, sample, "")
}

// AddSampleOnce is AddSample for a turn of which nobody knows whether it is
// there already: one with the same tokens is not recorded again.
func (s *Store) AddSampleOnce(ctx context.Context, traceID string, sample Sample) error {
	return s.addSample(ctx, traceID, "", sample, ` WHERE NOT EXISTS (SELECT 1 FROM samples WHERE trace_id = ?1 AND prompt = ?2 AND output = ?3)`)
}

func (s *Store) addSample(ctx context.Context, traceID, model string, sample Sample, where string) error {
	return s.write(ctx, "record sample", s.relaxed, func(tx *sql.Tx) error {
		ctx := context.WithoutCancel(ctx)
		if _, err := tx.ExecContext(ctx, `INSERT INTO traces (id, job_id, group_id, task_slug, model, status, stop_reason, error, created_at)
			VALUES (?, '', '', '', ?, '', '', '', ?) ON CONFLICT (id) DO NOTHING`,
			TraceKey(traceID), model, time.Now().UnixMicro()); err != nil {
			return err
		}
		logprobs := make([]byte, 4*len(sample.Logprobs))
		for i, v := range sample.Logprobs {
			binary.LittleEndian.PutUint32(logprobs[4*i:], math.Float32bits(v))
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO samples (trace_id, prompt, output, logprobs) SELECT ?1, ?2, ?3, ?4`+where,
			TraceKey(traceID), packTokens(sample.Prompt), packTokens(sample.Output), logprobs)
		return err
	})
}

// Trace reads a trace with its samples in the order they were recorded.
func (s *Store) Trace(ctx context.Context, id string) (Trace, error) {
	var t Trace
	err := s.db.QueryRowContext(ctx, `SELECT id, job_id, group_id, task_slug, model, status, reward, stop_reason, error FROM traces WHERE id = ?`, TraceKey(id)).
		Scan(&t.ID, &t.JobID, &t.GroupID, &t.TaskSlug, &t.Model, &t.Status, &t.Reward, &t.StopReason, &t.Error)
	if errors.Is(err, sql.ErrNoRows) {
		return t, fmt.Errorf("trace %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return t, s.classify("read trace", err)
	}
	rows, err := s.db.QueryContext(ctx, `SELECT prompt, output, logprobs FROM samples WHERE trace_id = ? ORDER BY seq`, t.ID)
	if err != nil {
		return t, s.classify("read trace", err)
	}
	defer rows.Close()
	for rows.Next() {
		var prompt, output, logprobs []byte
		if err := rows.Scan(&prompt, &output, &logprobs); err != nil {
			return t, s.classify("read trace", err)
		}
		if len(prompt)%4 != 0 || len(output)%4 != 0 || len(logprobs) != len(output) {
			return t, s.classify("read trace", fmt.Errorf("%w: sample of trace %s: prompt %d, output %d, logprobs %d bytes",
				ErrCorrupt, t.ID, len(prompt), len(output), len(logprobs)))
		}
		sample := Sample{Prompt: unpackTokens(prompt), Output: unpackTokens(output), Logprobs: make([]float32, len(logprobs)/4)}
		for i := range sample.Logprobs {
			sample.Logprobs[i] = math.Float32frombits(binary.LittleEndian.Uint32(logprobs[4*i:]))
		}
		t.Samples = append(t.Samples, sample)
	}
	return t, s.classify("read trace", rows.Err())
}

func packTokens(ids []int) []byte {
	b := make([]byte, 4*len(ids))
	for i, id := range ids {
		binary.LittleEndian.PutUint32(b[4*i:], uint32(int32(id)))
	}
	return b
}

func unpackTokens(b []byte) []int {
	ids := make([]int, len(b)/4)
	for i := range ids {
		ids[i] = int(int32(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return ids
}
