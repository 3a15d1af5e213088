package local

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/runtime/hud"
)

func blobFiles(t *testing.T, s *Service) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir(), "blobs", "*.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestDamagedBlobIsReplaced: whoever stores the same weights again must not
// inherit a damaged file of that name.
func TestDamagedBlobIsReplaced(t *testing.T) {
	t.Parallel()
	s, first := newTiny(t)
	want := chat(t, s, seeded(first.ModelName, "hi", 1)).Choices[0].TokenIDs
	for _, path := range blobFiles(t, s) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-1] ^= 1
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fresh := openIn(t, s.Dir(), Options{})
	_, err := fresh.Chat(bg, seeded(first.ModelName, "hi", 1))
	wantError(t, err, "chat", hud.CodeServer, "damaged")
	again := create(t, fresh, CreateOptions{Name: "again", Config: &tiny, Seed: 1})
	for _, name := range []string{again.ModelName, first.ModelName} {
		got := chat(t, fresh, seeded(name, "hi", 1)).Choices[0].TokenIDs
		if len(got) != len(want) || got[0] != want[0] {
			t.Errorf("%s: got tokens %v, want %v", name, got, want)
		}
	}
}

// TestBlobsThatVanishAreWrittenAgain: a clean-up may remove a blob that
// another model has released just before a step refers to it.
func TestBlobsThatVanishAreWrittenAgain(t *testing.T) {
	t.Parallel()
	var s *Service
	vanish := 0
	o := Options{atPhase: func(p store.Phase) error {
		if p == store.PhaseRename && vanish > 0 {
			vanish--
			for _, path := range blobFiles(t, s) {
				if err := os.Remove(path); err != nil {
					return err
				}
			}
		}
		return nil
	}}
	s = openIn(t, t.TempDir(), o)
	vanish = 1
	m := create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1})
	vanish = 2
	if got := train(t, s, m.ID, 1).Step; got != 1 {
		t.Errorf("got step %d, want 1", got)
	}
	vanish = 1000
	accumulate(t, s, m.ID, fb("ppo", randomInputs(2, 4)))
	_, err := s.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeServer, "vanished")
	vanish = 0
	if got := head(t, s, m.ID).Step; got != 1 {
		t.Errorf("got head of step %d, want 1", got)
	}
}
