package kernel

import "fmt"

// level orders the implementations; a higher one includes the instructions of the lower.
type level int

const (
	levelGo level = iota
	levelAVX2
	levelAVX512
)

var levelNames = [...]string{levelGo: "go", levelAVX2: "avx2", levelAVX512: "avx512"}

func (l level) String() string { return levelNames[l] }

// Implementation names the implementation in use: "avx512", "avx2" or "go".
func Implementation() string { return active.String() }

// capLevel lowers the best level the machine offers to the one named, if it names one.
func capLevel(best level, name string) level {
	for l, n := range levelNames {
		if n == name {
			return min(best, level(l))
		}
	}
	return best
}

// checkLen panics when a slice of an elementwise operation has another length than the first.
func checkLen(fn, arg string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("kernel.%s: %s has another length: got %d, want %d", fn, arg, got, want))
	}
}
