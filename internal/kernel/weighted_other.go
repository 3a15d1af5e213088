//go:build !amd64 || purego

package kernel

func weightedAVX512(*weightedCall) { panic("kernel: unreachable") }
func weightedAVX2(*weightedCall)   { panic("kernel: unreachable") }

func markSIMD(_, _ *float32, _ uintptr, _ float32) { panic("kernel: unreachable") }
