//go:build !amd64 || purego

package kernel

func attendPages([]float32, []float32, []float32, []*float32, int, int) bool { return false }
