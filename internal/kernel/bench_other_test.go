//go:build !amd64 || purego

package kernel

// peak is the plain Go tile on data in the first-level cache.
func peak(n int) float64 { return peakGo(n) }
