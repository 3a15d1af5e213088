//go:build !amd64 || purego

package kernel

func piecewiseAVX512(*ratioCall) { panic("kernel: unreachable") }
func piecewiseAVX2(*ratioCall)   { panic("kernel: unreachable") }
func ratioAVX512(*ratioCall)     { panic("kernel: unreachable") }
func ratioAVX2(*ratioCall)       { panic("kernel: unreachable") }
