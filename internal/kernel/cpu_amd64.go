//go:build !purego

package kernel

import (
	"os"

	"golang.org/x/sys/cpu"
)

// active is the implementation in use. Only tests change it.
var active = capLevel(bestLevel(), os.Getenv("HUDRL_KERNEL"))

// bestLevel is the highest level that the processor and the operating system support; x/sys/cpu checks both.
func bestLevel() level {
	x := &cpu.X86
	switch {
	case !x.HasAVX2 || !x.HasFMA:
		return levelGo
	case x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512BW:
		return levelAVX512
	}
	return levelAVX2
}
