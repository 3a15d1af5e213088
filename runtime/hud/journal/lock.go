package journal

import (
	"errors"
	"os"
)

// errLocked is what openLocked fails with while another process has the file.
var errLocked = errors.New("locked")

// lastPID is the process that last began to write a journal, 0 if it cannot be
// read.
func lastPID(path string) (pid int) {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	_, _ = read(f, func(r *record) error {
		if r.Kind == kindRun {
			pid = r.PID
		}
		return nil
	})
	return pid
}
