//go:build unix

package local

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A pipe that nobody writes to is refused, not waited for.
func TestImportOfAPipe(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	dir := t.TempDir()
	for _, name := range []string{weightsFile, configFile} {
		path := filepath.Join(dir, name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Import(bg, ImportOptions{Name: "pipe", Path: dir})
		if err == nil || !strings.Contains(err.Error(), "cannot read "+path+": it is no file") {
			t.Errorf("%s: got %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := s.Export(bg, "hudrl/nano", dir, "f32"); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, configFile)); err != nil {
			t.Fatal(err)
		}
	}
}
