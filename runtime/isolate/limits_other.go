//go:build !unix

package isolate

import (
	"os"
	"os/exec"
)

func (l Limits) apply() error { return nil }

func overCPU(*os.ProcessState, Limits) bool { return false }

func bind(*exec.Cmd) {}
