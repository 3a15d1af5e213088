//go:build !amd64 || purego

package kernel

// pause idles for some tens of nanoseconds.
func pause() {
	for range 32 {
	}
}
