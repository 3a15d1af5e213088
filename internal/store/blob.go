package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

const (
	blobExt    = ".safetensors"
	tempPrefix = "tmp-"
)

// tempAge is how old a temporary file or an unreferenced blob must be before
// GC takes it for abandoned and not for another process's work under way.
const tempAge = time.Hour

func (s *Store) blobPath(hash string) string {
	return filepath.Join(s.dir, blobDir, hash+blobExt)
}

// PutBlobs writes each blob durably and returns their hashes, by which a row
// may then refer to them. A blob that is already there is replaced: it may be
// damaged, or about to be taken for abandoned.
func (s *Store) PutBlobs(blobs ...[]byte) ([]string, error) {
	if s.opts.ReadOnly {
		return nil, &Error{Op: "write blob", Dir: s.dir, Err: ErrReadOnly, Cause: errors.New("the store was opened read-only")}
	}
	hashes := make([]string, len(blobs))
	errs := make([]error, len(blobs))
	var wg sync.WaitGroup
	for i := range blobs {
		wg.Go(func() { hashes[i], errs[i] = s.putBlob(blobs[i]) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, s.classify("write blob", err)
	}
	if err := s.at(PhaseRename); err != nil {
		return nil, s.classify("write blob", err)
	}
	if err := syncDir(filepath.Join(s.dir, blobDir)); err != nil {
		return nil, s.classify("write blob", err)
	}
	return hashes, nil
}

// putBlob gives one blob its name; the directory is not yet synced. The blob
// is hashed while it is on its way to the disk.
func (s *Store) putBlob(data []byte) (hash string, err error) {
	sum := make(chan [sha256.Size]byte, 1)
	go func() { sum <- sha256.Sum256(data) }()
	f, err := os.CreateTemp(filepath.Join(s.dir, blobDir), tempPrefix)
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	half := len(data) / 2
	if _, err := f.Write(data[:half]); err != nil {
		return "", err
	}
	if err := s.at(PhaseBlobWrite); err != nil {
		return "", err
	}
	if _, err := f.Write(data[half:]); err != nil {
		return "", err
	}
	if err := f.Chmod(0o644); err != nil && runtime.GOOS != "windows" {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	whole := <-sum
	hash = hex.EncodeToString(whole[:])
	if err = os.Rename(f.Name(), s.blobPath(hash)); err != nil {
		// Windows replaces no file that somebody reads.
		if _, unreadable := s.Blob(hash); unreadable != nil {
			return "", err
		}
		return hash, os.Remove(f.Name())
	}
	return hash, nil
}

// syncDir makes renames in dir durable. Windows has no such call and needs none.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Blob reads a blob and checks that its bytes are those it is named for.
// Errors: ErrNotFound, ErrCorrupt.
func (s *Store) Blob(hash string) ([]byte, error) {
	data, err := os.ReadFile(s.blobPath(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read blob: %s is missing from %s: %w", hash, filepath.Join(s.dir, blobDir), ErrNotFound)
	}
	if err != nil {
		return nil, s.classify("read blob", err)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != hash {
		return nil, s.classify("read blob", fmt.Errorf("%w: %s has %d bytes that hash to %s", ErrCorrupt, s.blobPath(hash), len(data), got))
	}
	return data, nil
}

// haveBlobs checks that the files a row is about to refer to are there.
func (s *Store) haveBlobs(hashes ...string) error {
	for _, h := range hashes {
		if _, err := os.Stat(s.blobPath(h)); err != nil {
			return fmt.Errorf("blob %s vanished before it was referred to: %w", h, err)
		}
	}
	return nil
}

const referenced = `SELECT
	EXISTS (SELECT 1 FROM models WHERE weights = ?1) OR
	EXISTS (SELECT 1 FROM checkpoints WHERE weights = ?1) OR
	EXISTS (SELECT 1 FROM checkpoints WHERE moments = ?1)`

// removeBlobs deletes those of the blobs that no row refers to.
func (s *Store) removeBlobs(ctx context.Context, hashes []string) error {
	if len(hashes) == 0 {
		return nil
	}
	return s.write(ctx, "remove blobs", s.relaxed, func(tx *sql.Tx) error {
		for _, h := range hashes {
			var used bool
			if err := tx.QueryRowContext(context.WithoutCancel(ctx), referenced, h).Scan(&used); err != nil {
				return err
			}
			if used {
				continue
			}
			if err := os.Remove(s.blobPath(h)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// GCResult counts what GC did.
type GCResult struct {
	Checkpoints int   // checkpoints that lost weights or moments to retention
	Files       int   // files removed
	Bytes       int64 // their size
	KeptFiles   int   // blobs still referred to
	KeptBytes   int64
}

// GC applies the retention policy to every model and removes the blobs nothing
// refers to, and what killed processes left. Files younger than an hour that
// nothing refers to are kept: another process may be about to.
func (s *Store) GC(ctx context.Context) (GCResult, error) { return s.gc(ctx, time.Now().Add(-tempAge)) }

func (s *Store) gc(ctx context.Context, before time.Time) (GCResult, error) {
	var res GCResult
	models, err := s.Models(ctx)
	if err != nil {
		return res, err
	}
	released := map[string]bool{}
	for _, m := range models {
		hashes, n, err := s.prune(ctx, m.ID)
		if err != nil {
			return res, err
		}
		res.Checkpoints += n
		for _, h := range hashes {
			released[h] = true
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, blobDir))
	if err != nil {
		return res, s.classify("gc", err)
	}
	err = s.write(ctx, "gc", s.relaxed, func(tx *sql.Tx) error {
		for _, e := range entries {
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			hash, isBlob := strings.CutSuffix(e.Name(), blobExt)
			if isBlob {
				var used bool
				if err := tx.QueryRowContext(context.WithoutCancel(ctx), referenced, hash).Scan(&used); err != nil {
					return err
				}
				if used {
					res.KeptFiles++
					res.KeptBytes += info.Size()
					continue
				}
			} else if !strings.HasPrefix(e.Name(), tempPrefix) {
				continue
			}
			if !released[hash] && info.ModTime().After(before) {
				continue
			}
			if err := os.Remove(filepath.Join(s.dir, blobDir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			res.Files++
			res.Bytes += info.Size()
		}
		return nil
	})
	return res, err
}
